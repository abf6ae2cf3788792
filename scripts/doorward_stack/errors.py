"""The error that ends a command with messages for a person."""

from collections.abc import Sequence


class StackError(Exception):
    """One or more problems, each with the remedy."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems: Sequence[str] = problems


def indent(text: str, most: int = 0) -> str:
    """Indent a quoted text, or its last lines."""
    return "\n".join(f"  {line}" for line in text.rstrip().splitlines()[-most:])
