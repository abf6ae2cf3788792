"""What stops a command, told to a person."""

from collections.abc import Sequence


class StackError(Exception):
    """One or more problems, each a sentence that says what is wrong and what to do."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems: Sequence[str] = problems
