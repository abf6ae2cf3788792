"""Sessions and guesses in SQL databases."""
