"""User names, passwords and what operators do with accounts."""
