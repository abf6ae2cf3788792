"""The client of auth-service: its calls, answers and deadlines."""
