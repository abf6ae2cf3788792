"""The least that Flask can do: what a page costs before anything is done for it."""

from flask import Flask

app = Flask(__name__, static_folder=None)


@app.get("/dashboard")
def hello() -> str:
    """Greet."""
    return "Hello, World!"
