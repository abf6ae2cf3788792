"""The JSON API: HTTP alone."""
