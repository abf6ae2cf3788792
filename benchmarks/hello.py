"""The smallest Flask app, to measure the cost of Flask itself."""

from flask import Flask

app = Flask(__name__, static_folder=None)


@app.get("/dashboard")
def hello() -> str:
    """Greet."""
    return "Hello, World!"
