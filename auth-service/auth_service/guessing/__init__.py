"""Limits on guessing passwords, and known devices."""
