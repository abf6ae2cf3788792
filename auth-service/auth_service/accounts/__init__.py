"""Rules for accounts, password hashing, and changes by operators."""
