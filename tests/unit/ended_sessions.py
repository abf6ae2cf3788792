"""Stands for the sessions where a test is about users alone."""


class EndedSessions:
    """Remembers whose sessions the store of users has ended."""

    def __init__(self) -> None:
        self.user_ids: list[str] = []

    def forget(self, user_id: str) -> None:
        """Note that all sessions of the user are ended, and the facts deleted."""
        self.user_ids.append(user_id)
