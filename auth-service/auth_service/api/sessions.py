"""The calls about sessions: signing in, renewing, listing and ending sessions, signing out."""

from flask import Blueprint, Response, jsonify, request

from auth_service import errors
from auth_service.api.answers import CurrentSession, Issued, ListedSession, NewSession, SessionList
from auth_service.api.bodies import PasswordEntryBody, SignInBody, read_body
from auth_service.api.operations import OF_PASSWORDS, Operation, Parameter, operation
from auth_service.api.request_context import current_context, read_claims, read_session
from auth_service.api.security_events import record, record_session
from auth_service.api.services import services
from auth_service.audit import short

sessions_api = Blueprint("api", __name__, url_prefix="/api/v1")


@sessions_api.post("/sessions")
@operation(
    Operation(
        id="signIn",
        tag="sessions",
        takes_token=False,
        body=SignInBody,
        status=201,
        answered="The session was opened.",
        answer=NewSession,
        problems=(errors.InvalidCredentials, *OF_PASSWORDS),
        session_at="/session_id",
    )
)
def sign_in() -> tuple[Response, int]:
    """Sign in.

    Opens a session. Any two strings may be tried; a wrong pair always gets 401. A user has at most
    50 sessions, and a further one ends the oldest. Wrong passwords are counted per user name, known
    or not. From the fifth in a row on there is a growing delay, answered with 429 and
    `Retry-After`. After 80 in a row strangers are refused until the password changes or an operator
    unlocks the account. They never delay a known device (`device_token`).
    """
    body = read_body(request, SignInBody)
    context = current_context()
    context.username = body.username
    signed_in = services().signing_in.sign_in(
        body.username, body.password, body.device_token, context.caller
    )
    record_session("authn_login_success", signed_in)
    return jsonify(NewSession.of_sign_in(signed_in).model_dump()), 201


@sessions_api.get("/sessions/current")
@operation(
    Operation(
        id="getCurrentSession",
        tag="sessions",
        status=200,
        answered="The session is alive.",
        answer=CurrentSession,
        problems=(errors.SessionEnded,),
    )
)
def current_session() -> Response:
    """Get the current session.

    Returns the user and the session of the token. This call does not prolong the session.
    """
    user, session = read_session()
    return jsonify(CurrentSession.of(user, session).model_dump())


@sessions_api.post("/sessions/current/renew")
@operation(
    Operation(
        id="renewSession",
        tag="sessions",
        status=200,
        answered="The session was prolonged.",
        answer=Issued,
        problems=(errors.SessionEnded, errors.SessionLimitReached),
        session_at="/session_id",
    )
)
def renew() -> Response:
    """Stay signed in.

    Prolongs the session and returns a new token for it. The request has no body. An expired token
    cannot be renewed. The old token stays valid until it expires or the session ends.
    """
    issued = services().sessions.renew(read_claims())
    return jsonify(Issued.of(issued).model_dump())


@sessions_api.delete("/sessions/current")
@operation(
    Operation(
        id="signOut",
        tag="sessions",
        status=204,
        answered="The session has ended.",
    )
)
def sign_out() -> tuple[str, int]:
    """Sign out.

    Ends the session, on disk when the answer comes. After any answer but 204 the session may still
    be alive. A valid signature is enough: a token that has expired, or whose session has ended
    already, gets 204 too.
    """
    try:
        claims = read_claims()
    except errors.TokenExpired as error:
        claims = error.claims
    services().sessions.end(claims.session_id)
    record("authn_token_revoked", reason="signed out")
    return "", 204


@sessions_api.get("/sessions")
@operation(
    Operation(
        id="listSessions",
        tag="sessions",
        status=200,
        answered="The live sessions of the user.",
        answer=SessionList,
        problems=(errors.SessionEnded,),
        session_at="/sessions/0/id",
    )
)
def list_sessions() -> Response:
    """List the sessions.

    Returns the live sessions of the user, the one used last first. This call prolongs none of them.
    """
    user, current = read_session()
    live = services().sessions.live(user)
    listed = [ListedSession.of_list(session, current) for session in live]
    return jsonify(SessionList(sessions=listed).model_dump())


@sessions_api.delete("/sessions/<session_id>")
@operation(
    Operation(
        id="endSession",
        tag="sessions",
        parameters=(
            Parameter(
                name="session_id",
                place="path",
                description="An id from the list of sessions.",
                schema={"type": "string", "minLength": 1, "maxLength": 64},
                example="Zk1nH8sLd0yQf3RjUu5Vxw",
            ),
        ),
        status=204,
        answered="The session has ended.",
        problems=(errors.SessionEnded, errors.ReauthenticationRequired, errors.UnknownSession),
    )
)
def end_session(session_id: str) -> tuple[str, int]:
    """End a session.

    Ends one of the user's sessions, on disk when the answer comes. The password must have been
    entered in the last five minutes, except for the session that asks: ending that is signing out.
    """
    user, current = read_session()
    session = services().sessions.find(user, session_id)
    if session.id != current.id:
        services().reauthentication.require_recent(current)
    services().sessions.end(session.id)
    record("authn_token_revoked", reason="ended by the user", ended=short(session.id))
    return "", 204


@sessions_api.delete("/sessions")
@operation(
    Operation(
        id="endOtherSessions",
        tag="sessions",
        parameters=(
            Parameter(
                name="others",
                place="query",
                description="Confirms that all other sessions should end.",
                schema={"type": "string", "const": "true"},
                example="true",
            ),
        ),
        status=204,
        answered="The other sessions have ended.",
        problems=(errors.SessionEnded, errors.ReauthenticationRequired, errors.InvalidFields),
    )
)
def end_other_sessions() -> tuple[str, int]:
    """End all other sessions.

    Ends every session of the user but the one that asks, on disk when the answer comes. The
    password must have been entered in the last five minutes.
    """
    _, current = read_session()
    if request.args.getlist("others") != ["true"]:
        raise errors.InvalidFields(
            {"others": ["Send others=true: this session is not ended here."]}
        )
    services().reauthentication.require_recent(current)
    services().sessions.end_others(current)
    record("authn_token_revoked", reason="all others ended by the user")
    return "", 204


@sessions_api.post("/sessions/current/reauthentication")
@operation(
    Operation(
        id="reauthenticate",
        tag="sessions",
        body=PasswordEntryBody,
        status=204,
        answered="The password was right.",
        problems=(errors.SessionEnded, errors.IncorrectPassword, *OF_PASSWORDS),
    )
)
def reauthenticate() -> tuple[str, int]:
    """Enter the password again.

    For five minutes, allows the calls that ask for a recent entry of the password. The token and
    the session stay as they are. Five wrong passwords in a row end the session; those at other
    calls with a password count too.
    """
    user, session = read_session()
    body = read_body(request, PasswordEntryBody)
    services().reauthentication.confirm(user, session, body.password)
    record("authn_login_success", act=request.endpoint)
    return "", 204
