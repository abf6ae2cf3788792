"""The agreement between auth-service and web-frontend.

This package holds token claims and their verification, the key set, cookie names, the form of
credentials, whose word about a client is trusted, log lines, security events, and the message of a
failed start. It imports PyJWT and the standard library only, never Flask or a service. Only
auth-service issues tokens, so that code is there.
"""
