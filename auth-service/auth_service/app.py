"""The composition root: the one place where everything is built and joined."""

import logging
import os
import time
from collections.abc import Callable
from importlib import resources
from typing import Any

from flask import Flask, Response, g, jsonify, request
from flask_bcrypt import Bcrypt

from auth_service.accounts.administration import Administration
from auth_service.accounts.hashing import PasswordHasher
from auth_service.accounts.passwords import PasswordPolicy, load_blocklist
from auth_service.accounts.service import Accounts
from auth_service.api import problems as http_errors
from auth_service.api.account import account_api
from auth_service.api.bodies import MAXIMUM_BODY_BYTES
from auth_service.api.sessions import Services, api
from auth_service.audit import AuditLog
from auth_service.cli import commands as cli
from auth_service.guessing.devices import Devices
from auth_service.guessing.throttle import WAIT_SECONDS, Throttle
from auth_service.sessions.service import Sessions
from auth_service.sessions.tokens import TokenIssuer
from auth_service.settings import Settings, read_settings
from auth_service.storage.sql.guesses import GuessRecords
from auth_service.storage.sql.sessions import SessionRecords
from auth_service.storage.users_json.store import UserStore
from auth_service.usecases.reauthentication import Reauthentication
from session_contract.callers import CallerReader, WrongCredential
from session_contract.credentials import Credential
from session_contract.keyset import KeySetFile
from session_contract.startup import StartupError
from session_contract.tokens import TokenVerifier

RECOMMENDED_LENGTH = 15
"""NIST SP 800-63B-4, section 3.1.1.1, for a password that is the only factor."""
HASHES_WAITING = 24
"""Requests that may wait for a hash: the other threads are for everything else."""

log = logging.getLogger(__name__)


def create_app(settings: Settings | None = None, clock: Callable[[], float] = time.time) -> Flask:
    """Build the service.

    Args:
        settings: as read from the environment, where none are given.
        clock: returns Unix seconds.

    Raises:
        StartupError, KeySetError: it cannot start; every problem is named.
    """
    settings = settings or read_settings()
    app = Flask(__name__, static_folder=None)
    app.config.update(
        MAX_CONTENT_LENGTH=MAXIMUM_BODY_BYTES + 1,
        PROVIDE_AUTOMATIC_OPTIONS=False,
        BCRYPT_LOG_ROUNDS=settings.bcrypt_rounds,
        # bcrypt itself takes 72 bytes; never switch this off, every hash would change.
        BCRYPT_HANDLE_LONG_PASSWORDS=True,
    )
    # A redirect to a tidier path would name the host that the client sent.
    app.url_map.merge_slashes = False
    if settings.password_min_length < RECOMMENDED_LENGTH:
        log.warning(
            "DOORWARD_PASSWORD_MIN_LENGTH is below %d, which is advised against", RECOMMENDED_LENGTH
        )
    _refuse_other_users(settings)
    keys = KeySetFile(settings.key_set_file)
    records = SessionRecords(settings.data_dir / "state.db")
    store = UserStore(settings.data_dir, settings.lowest_cost, sessions=records, clock=clock)
    hasher = PasswordHasher(Bcrypt(app), settings.bcrypt_rounds, HASHES_WAITING)
    policy = PasswordPolicy(settings.password_min_length, load_blocklist())
    guesses = GuessRecords(settings.data_dir / "throttle.db", clock)
    throttle = Throttle(guesses, store, clock, WAIT_SECONDS)
    accounts = Accounts(store, policy, hasher, throttle, clock, settings.registration == "open")
    issuer = TokenIssuer(keys, settings.idle_seconds)
    sessions = Sessions(
        records, store, issuer, clock, settings.idle_seconds, settings.absolute_seconds
    )
    edge = Credential(settings.edge_credential, settings.edge_credential_file)
    service = Credential(settings.service_credential, settings.service_credential_file)
    callers = CallerReader({"X-Edge-Credential": edge, "X-Service-Credential": service})
    reauthentication = Reauthentication(records, clock)
    verifier, devices = TokenVerifier(keys, clock), Devices(guesses)
    audit = AuditLog(store.find, throttle.pseudonym)
    app.extensions["auth_service"] = Services(
        accounts, sessions, devices, reauthentication, verifier, audit
    )

    def begin_work() -> None:
        """Do what each of gunicorn's workers has to do before it serves."""
        # One that replaces another has the users of the service's start.
        store.refresh(seconds=2)
        records.keep_room()
        guesses.keep_room()

    app.extensions["begin_work"] = begin_work

    @app.before_request
    def know_the_caller() -> None:
        try:
            g.caller = callers.read(request.environ)
        except WrongCredential as error:
            g.caller, g.who = error.caller, {"credential": error.header}
            raise

    spec = resources.files("auth_service.api").joinpath("openapi.json").read_bytes()
    app.add_url_rule(
        "/api/v1/openapi.json", "openapi", lambda: (spec, {"Content-Type": "application/json"})
    )
    app.register_blueprint(api)
    app.register_blueprint(account_api)
    parts: dict[str, Any] = {"users": store, "sessions": records, "guesses": guesses, "keys": keys}

    # For whoever supervises the service; nginx does not route them.
    app.add_url_rule("/livez", "livez", lambda: {"status": "ok"})

    @app.get("/readyz")
    def readyz() -> tuple[Response, int, dict[str, str]]:
        if problems := {
            name: problem for name, part in parts.items() if (problem := part.problem())
        }:
            return jsonify(status="unavailable", problems=problems), 503, {"Retry-After": "5"}
        return jsonify(status="ok"), 200, {}

    app.after_request(_never_store)
    http_errors.register(app, lambda error: audit.refused(error, g.caller, **g.get("who", {})))
    cli.register(app, cli.Operator(Administration(accounts), store, audit, settings))
    return app


def _refuse_other_users(settings: Settings) -> None:
    """Let only the owner of the data run this: root would leave files that it cannot write."""
    owner = settings.data_dir.stat().st_uid
    if owner != os.geteuid():
        problem = (
            f"{settings.data_dir} (DOORWARD_DATA_DIR) belongs to uid {owner}, but this runs as uid "
            f"{os.geteuid()}. Run it as the owner: `make flask ARGS=…`, `docker compose exec auth-service "
            f"flask --app auth_service …`, or `sudo -u '#{owner}' flask --app auth_service …`"
        )
        raise StartupError([problem])


def _never_store(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response
