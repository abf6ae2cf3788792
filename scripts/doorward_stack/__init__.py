"""The modules of `scripts/stack.py`."""
