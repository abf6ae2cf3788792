"""Runs before and beside the services: checks all settings, makes secrets, and runs nginx.

`python -m doorward_init` is the one-shot `init`; `doorward_init.__main__` has all commands.
"""
