"""The way to auth-service: what is asked, what is answered, and by when."""
