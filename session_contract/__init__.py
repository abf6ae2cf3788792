"""What auth-service and web-frontend must agree on.

Token claims and their verification, the key set, cookie names, the form of credentials, log
lines and security events.
PyJWT and the standard library only: no Flask, no service. Issuing tokens is auth-service's
alone and lives there.
"""
