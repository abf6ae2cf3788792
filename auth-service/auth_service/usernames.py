"""The rule for user names, and the form in which they are compared."""

import re

USERNAME = re.compile(r"[A-Za-z0-9._@+-]{3,64}")
MOST_FORMER_USERNAMES = 8
USERNAME_RULE = "The username must have 3 to 64 characters: letters a to z, digits and . _ @ + -"


def canonical_username(username: str) -> str:
    """Return the form in which user names are compared.

    User names are ASCII. Other text stays as it is, because the lower case of U+212A is "k".
    """
    return username.lower() if username.isascii() else username
