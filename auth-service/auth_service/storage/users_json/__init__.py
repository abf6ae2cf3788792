"""The users, kept in users.json."""
