"""Requests that are refused before a view is called, with a message for people."""

from werkzeug.exceptions import BadRequest


class RefusedRequest(BadRequest):
    """The request is refused; `explanation` says what to do, and may name our `%(url)s`."""

    def __init__(self, explanation: str) -> None:
        super().__init__(explanation)
        self.explanation = explanation
