"""What auth-service and web-frontend must agree on.

Token claims and their verification, the key set, cookie names, the form of credentials, who is
believed about a client, log lines, security events, and how a service says that it cannot start.
PyJWT and the standard library only: no Flask, no service. Issuing tokens is auth-service's
alone and lives there.
"""
