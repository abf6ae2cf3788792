"""The composition root: the one place where everything is built and joined."""

import logging
import os
import time
from collections.abc import Callable

from flask import Flask, Response
from flask_bcrypt import Bcrypt

from auth_service.accounts.administration import Administration
from auth_service.accounts.creation import NewAccounts
from auth_service.accounts.hashing import PasswordHasher
from auth_service.accounts.password_times import PasswordTimes
from auth_service.accounts.passwords import PasswordPolicy, load_blocklist
from auth_service.api import openapi, problems, request_context
from auth_service.api.account import account_api
from auth_service.api.bodies import MAXIMUM_BODY_BYTES
from auth_service.api.health import Dependency, health
from auth_service.api.security_events import record_refusal
from auth_service.api.services import Services
from auth_service.api.sessions import sessions_api
from auth_service.audit import AuditLog
from auth_service.cli import register_commands
from auth_service.cli.operator import Operator
from auth_service.guessing.devices import Devices
from auth_service.guessing.throttle import WAIT_SECONDS, Throttle
from auth_service.sessions.service import SessionService
from auth_service.sessions.tokens import TokenIssuer
from auth_service.storage.sql.account_facts import AccountFactRecords
from auth_service.storage.sql.guesses import GuessRecords
from auth_service.storage.sql.sessions import SessionRecords
from auth_service.storage.users_json.store import UserStore
from auth_service.usecases.account_end import AccountEnd
from auth_service.usecases.account_overview import AccountOverview
from auth_service.usecases.display_name import DisplayNameChange
from auth_service.usecases.new_generation import NewGeneration
from auth_service.usecases.own_data import OwnData
from auth_service.usecases.password_change import PasswordChange
from auth_service.usecases.reauthentication import Reauthentication
from auth_service.usecases.registration import Registration
from auth_service.usecases.rename import Rename
from auth_service.usecases.session_administration import SessionAdministration
from auth_service.usecases.signing_in import SigningIn
from doorward_settings.auth_service import Settings, read_settings
from session_contract.callers import CallerReader
from session_contract.credentials import Credential
from session_contract.keyset import KeySetFile
from session_contract.startup import StartupError
from session_contract.tokens import TokenVerifier

RECOMMENDED_LENGTH = 15
"""NIST SP 800-63B-4, section 3.1.1.1, for a password that is the only factor."""
HASHES_WAITING = 24
"""How many requests may wait for a hash; the other threads serve everything else."""

log = logging.getLogger(__name__)


def create_app(settings: Settings | None = None, clock: Callable[[], float] = time.time) -> Flask:
    """Build the service.

    Args:
        settings: read from the environment if they are not given.
        clock: returns Unix seconds.

    Raises:
        StartupError, KeySetError: it cannot start; every problem is named.
    """
    settings = settings or read_settings()
    app = _make_flask(settings)
    _warn_of_short_passwords(settings)
    _refuse_other_users(settings)

    keys = KeySetFile(settings.key_set_file)
    session_records = SessionRecords(settings.data_dir / "state.db")
    users = UserStore(
        settings.data_dir,
        settings.lowest_cost,
        sessions=session_records,
        clock=clock,
    )
    guess_records = GuessRecords(settings.data_dir / "throttle.db", clock)

    hasher = PasswordHasher(Bcrypt(app), settings.bcrypt_rounds, waiting=HASHES_WAITING)
    policy = PasswordPolicy(settings.password_min_length, load_blocklist())
    new_accounts = NewAccounts(users=users, policy=policy, hasher=hasher, clock=clock)
    throttle = Throttle(guesses=guess_records, users=users, clock=clock, wait_seconds=WAIT_SECONDS)
    sessions = SessionService(
        records=session_records,
        users=users,
        issuer=TokenIssuer(keys, settings.idle_seconds),
        clock=clock,
        idle_seconds=settings.idle_seconds,
        absolute_seconds=settings.absolute_seconds,
    )
    account_facts = AccountFactRecords(session_records.database)
    password_times = PasswordTimes(facts=account_facts, clock=clock)
    audit = AuditLog(users=users, pseudonyms=throttle)

    reauthentication = Reauthentication(
        users=users, sessions=session_records, hasher=hasher, throttle=throttle, clock=clock
    )
    signing_in = SigningIn(
        users=users,
        hasher=hasher,
        throttle=throttle,
        devices=Devices(guess_records),
        sessions=sessions,
    )
    registration = Registration(
        users=users,
        new_accounts=new_accounts,
        signing_in=signing_in,
        password_times=password_times,
        clock=clock,
        is_open=settings.registration == "open",
    )
    new_generation = NewGeneration(users=users, signing_in=signing_in)
    password_change = PasswordChange(
        policy=policy,
        hasher=hasher,
        reauthentication=reauthentication,
        new_generation=new_generation,
        password_times=password_times,
    )
    administration = Administration(
        users=users,
        guesses=guess_records,
        new_accounts=new_accounts,
        policy=policy,
        hasher=hasher,
        password_times=password_times,
    )
    app.extensions["auth_service"] = Services(
        registration=registration,
        signing_in=signing_in,
        reauthentication=reauthentication,
        password_change=password_change,
        display_name_change=DisplayNameChange(users=users, sessions=sessions),
        account_end=AccountEnd(users=users, sessions=sessions, reauthentication=reauthentication),
        own_data=OwnData(
            sessions=sessions, guesses=guess_records, facts=account_facts, clock=clock
        ),
        rename=Rename(
            users=users,
            reauthentication=reauthentication,
            new_generation=new_generation,
            is_allowed=settings.rename_allowed,
        ),
        sessions=sessions,
        verifier=TokenVerifier(keys, clock),
        audit=audit,
    )
    dependencies: dict[str, Dependency] = {
        "users": users,
        "sessions": session_records,
        "guesses": guess_records,
        "keys": keys,
    }

    def begin_work() -> None:
        """Prepare one of gunicorn's workers."""
        # A worker that replaces another one still has the users of the service's start.
        users.refresh(seconds=2)
        session_records.reserve_space()
        guess_records.reserve_space()

    app.extensions["begin_work"] = begin_work

    callers = CallerReader(
        {
            "X-Edge-Credential": Credential(
                settings.edge_credential, settings.edge_credential_file
            ),
            "X-Service-Credential": Credential(
                settings.service_credential, settings.service_credential_file
            ),
        }
    )
    app.before_request(lambda: request_context.begin(callers))
    app.after_request(_never_store)
    problems.register(app, record_refusal)
    app.register_blueprint(sessions_api)
    app.register_blueprint(account_api)
    app.register_blueprint(health(dependencies))
    app.register_blueprint(openapi.description_of(app))
    operator = Operator(
        administration=administration,
        overview=AccountOverview(
            users=users,
            sessions=sessions,
            guesses=guess_records,
            facts=account_facts,
            clock=clock,
        ),
        sessions=SessionAdministration(users=users, sessions=sessions),
        users=users,
        audit=audit,
        settings=settings,
    )
    register_commands(app, operator)
    return app


def _make_flask(settings: Settings) -> Flask:
    app = Flask(__name__, static_folder=None)
    app.config.update(
        MAX_CONTENT_LENGTH=MAXIMUM_BODY_BYTES + 1,
        PROVIDE_AUTOMATIC_OPTIONS=False,
        BCRYPT_LOG_ROUNDS=settings.bcrypt_rounds,
        # bcrypt reads only 72 bytes. Never switch this off: no stored hash would match any more.
        BCRYPT_HANDLE_LONG_PASSWORDS=True,
    )
    # A redirect to a tidier path would name the host that the client sent.
    app.url_map.merge_slashes = False
    return app


def _warn_of_short_passwords(settings: Settings) -> None:
    if settings.password_min_length < RECOMMENDED_LENGTH:
        log.warning(
            "DOORWARD_PASSWORD_MIN_LENGTH is below %d, which is advised against", RECOMMENDED_LENGTH
        )


def _refuse_other_users(settings: Settings) -> None:
    """Refuse to run as anybody but the data's owner, who could not write root's files later."""
    owner = settings.data_dir.stat().st_uid
    if owner == os.geteuid():
        return
    problem = (
        f"{settings.data_dir} (DOORWARD_DATA_DIR) belongs to uid {owner}, but this runs as uid "
        f"{os.geteuid()}. Run it as the owner: `make flask ARGS=…`, `docker compose exec "
        f"auth-service flask --app auth_service …`, or `sudo -u '#{owner}' flask --app "
        "auth_service …`"
    )
    raise StartupError([problem])


def _never_store(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response
