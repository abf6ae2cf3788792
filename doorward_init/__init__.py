"""What runs before and around the services: checks all settings, makes secrets, and runs nginx.

`python -m doorward_init` is the one-shot `init`; see `doorward_init.__main__` for the others.
"""
