"""Where users, sessions and guesses are kept."""
