"""The parts of `scripts/stack.py`. Standard library only."""
