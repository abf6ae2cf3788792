"""The plain design: one Flask app, users.json and Flask-JWT-Extended with implicit refresh.

Written from that library's public description: the token lies in a cookie and is good for an hour;
an `after_request` hook issues another one when less than half an hour is left of it. Sign-out only
clears the cookie. Its page is as Doorward's, from templates as Flask's tutorial teaches to write
them.
"""

import json
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify, redirect, render_template, request
from flask_bcrypt import Bcrypt
from flask_jwt_extended import (
    JWTManager,
    create_access_token,
    get_jwt,
    get_jwt_identity,
    jwt_required,
    set_access_cookies,
    unset_jwt_cookies,
)
from werkzeug.wrappers import Response as AnyResponse

ROOT = Path(__file__).resolve().parents[1]
LIFETIME = timedelta(hours=1)
RENEWED_BEFORE_END = timedelta(minutes=30)

app = Flask(__name__, static_folder=ROOT / "web-frontend" / "web_frontend" / "static")
app.config.update(
    JWT_SECRET_KEY=os.environ["BENCH_PLAIN_KEY"],
    JWT_TOKEN_LOCATION=["cookies"],
    JWT_ACCESS_TOKEN_EXPIRES=LIFETIME,
    JWT_COOKIE_SAMESITE="Lax",
    BCRYPT_LOG_ROUNDS=12,
)
JWTManager(app)
bcrypt = Bcrypt(app)
users_file = Path(os.environ["BENCH_PLAIN_USERS"])
writing = threading.Lock()


def read_users() -> dict[str, Any]:
    """Return everybody."""
    users: dict[str, Any] = json.loads(users_file.read_text("utf-8")) if users_file.exists() else {}
    return users


@app.post("/register")
def register() -> tuple[Response, int]:
    """Make an account."""
    name = request.form["username"]
    hashed = bcrypt.generate_password_hash(request.form["password"]).decode()
    with writing:
        users = read_users()
        if name in users:
            return jsonify(error="taken"), 409
        users[name] = {"password_hash": hashed}
        users_file.write_text(json.dumps(users, indent=2), "utf-8")
    return jsonify(username=name), 201


@app.post("/login")
def login() -> AnyResponse:
    """Sign in."""
    user = read_users().get(request.form["username"])
    if user is None or not bcrypt.check_password_hash(
        user["password_hash"], request.form["password"]
    ):
        return Response(status=401)
    response = redirect("/dashboard", 303)
    began = int(datetime.now(UTC).timestamp())
    token = create_access_token(request.form["username"], additional_claims={"auth_time": began})
    set_access_cookies(response, token)
    return response


@app.get("/dashboard")
@jwt_required()  # type: ignore[untyped-decorator, unused-ignore]
def dashboard() -> str:
    """Show the user and how long the session lasts."""
    claims = get_jwt()
    return render_template(
        "dashboard.html",
        csrf_token=claims["csrf"],
        username=get_jwt_identity(),
        since=datetime.fromtimestamp(claims["auth_time"], UTC),
        ends=datetime.fromtimestamp(claims["exp"], UTC),
    )


@app.post("/logout")
def logout() -> AnyResponse:
    """Clear the cookie."""
    response = redirect("/login", 303)
    unset_jwt_cookies(response)
    return response


@app.after_request
def refresh(response: Response) -> Response:
    """Issue a new token where the one that came ends soon."""
    try:
        ends = datetime.fromtimestamp(get_jwt()["exp"], UTC)
        if datetime.now(UTC) + RENEWED_BEFORE_END > ends:
            claims = {"auth_time": get_jwt()["auth_time"]}
            set_access_cookies(
                response, create_access_token(get_jwt_identity(), additional_claims=claims)
            )
    except (RuntimeError, KeyError):
        return response  # nobody is signed in
    return response
