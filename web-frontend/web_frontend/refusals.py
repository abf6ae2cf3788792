"""Requests that are refused before any page sees them, with words for people."""

from werkzeug.exceptions import BadRequest


class RefusedRequest(BadRequest):
    """A request that cannot be served; `explanation` says what to do."""

    def __init__(self, explanation: str) -> None:
        super().__init__(explanation)
        self.explanation = explanation
