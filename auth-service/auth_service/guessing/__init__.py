"""How often passwords may be guessed, and which devices are known."""
