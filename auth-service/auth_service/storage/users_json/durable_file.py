"""Locks between processes, and files that are on disk, whole, when they get their name."""

POLL_SECONDS = 0.005
