"""The fixtures of the journeys, for experiments that fit nowhere else."""

from journeys.conftest import api, dear, new_visitor, prompt, username, visitor

__all__ = ["api", "dear", "new_visitor", "prompt", "username", "visitor"]
