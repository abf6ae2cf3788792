"""Starts, stops, saves and restores Doorward, with Docker Compose or as plain processes.

Standard library only: this is what makes the virtual environment that the rest runs in.
`make help` lists the everyday ways to call it; `stack.py --help` lists all of them.
"""

import sys

from doorward_stack.cli import main

if __name__ == "__main__":
    sys.exit(main())
