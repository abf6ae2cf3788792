"""The users in users.json."""
