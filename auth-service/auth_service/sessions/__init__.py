"""When a session lives, and the tokens that say so."""
