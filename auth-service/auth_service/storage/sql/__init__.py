"""Sessions and guesses, kept in SQL databases."""
