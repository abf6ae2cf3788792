"""The calls about accounts: making one, changing its password, deleting it."""

from flask import Blueprint, Response, jsonify, request

from auth_service import errors
from auth_service.accounts.creation import NewAccount
from auth_service.api.answers import Issued, NewSession, NewUser
from auth_service.api.bodies import (
    DisplayNameChangeBody,
    PasswordChangeBody,
    PasswordEntryBody,
    RegistrationBody,
    UsernameChangeBody,
    read_body,
)
from auth_service.api.operations import OF_PASSWORDS, Operation, operation
from auth_service.api.personal_data import PersonalData
from auth_service.api.request_context import current_context, read_claims, read_session
from auth_service.api.security_events import record, record_refusal, record_session
from auth_service.api.services import services
from auth_service.models import User
from auth_service.usecases.signing_in import SignedIn

account_api = Blueprint("account_api", __name__, url_prefix="/api/v1")


@account_api.post("/users")
@operation(
    Operation(
        id="registerUser",
        tag="users",
        takes_token=False,
        body=RegistrationBody,
        status=201,
        answered="The account was made.",
        answer=NewUser,
        problems=(errors.RegistrationClosed, errors.UsernameTaken, errors.Busy),
    )
)
def register() -> tuple[Response, int]:
    """Make an account.

    Makes an account, which is on disk when the answer comes. With `"sign_in": true` it also opens
    a session; sent once more with the same password within a minute, it opens another one. After a
    503 try again: 409 then means that the account was made all the same. A password gets 422 if it
    is too short or too long, has control characters, is too common (such as `passwordpassword`), or
    is the user name or repeats it.
    """
    registration = services().registration
    registration.require_open()
    body = read_body(request, RegistrationBody)
    new = NewAccount(
        username=body.username,
        password=body.password,
        display_name=body.display_name,
    )
    if body.sign_in:
        signed_in = _register_and_sign_in(new, body.device_token)
        answer = NewUser.of(signed_in.user, NewSession.of_sign_in(signed_in))
    else:
        user = registration.register(new)
        _record_new(user)
        answer = NewUser.of(user)
    return jsonify(answer.model_dump(exclude_none=True)), 201


@account_api.put("/users/me/password")
@operation(
    Operation(
        id="changePassword",
        tag="users",
        body=PasswordChangeBody,
        status=200,
        answered="The password was changed, and a new session opened.",
        answer=NewSession,
        problems=(
            errors.SessionEnded,
            errors.IncorrectCurrentPassword,
            errors.ReauthenticationRequired,
            *OF_PASSWORDS,
        ),
        session_at="/session_id",
    )
)
def change_password() -> Response:
    """Change the password.

    Gives the account a new password. All sessions and tokens end, also those of the caller, and the
    answer has a new session. If the new password breaks a rule, the current one is checked too, and
    a 422 without an error for it means that it was right: for five minutes this session need not
    send it again. If somebody else changes the account at the same moment, the answer is 401
    `session-ended`, and the password is not changed by this call.
    """
    user, session = read_session()
    body = read_body(request, PasswordChangeBody)
    was_sent = "current_password" in body.model_fields_set
    signed_in = services().password_change.change(
        user,
        session,
        body.current_password if was_sent else None,
        body.new_password,
        current_context().caller,
    )
    record("authn_password_change")
    record_session("session_created", signed_in)
    return jsonify(NewSession.of_sign_in(signed_in).model_dump())


@account_api.put("/users/me/display-name")
@operation(
    Operation(
        id="changeDisplayName",
        tag="users",
        body=DisplayNameChangeBody,
        status=200,
        answered="The display name was changed, and the session prolonged.",
        answer=Issued,
        problems=(errors.SessionEnded, errors.SessionLimitReached, errors.Busy),
        session_at="/session_id",
    )
)
def change_display_name() -> Response:
    """Change the display name.

    Gives the user another display name; an empty text removes it. The answer has a new token with
    the name. The user's other sessions get it when they are renewed.
    """
    user, _ = read_session()
    body = read_body(request, DisplayNameChangeBody)
    issued = services().display_name_change.change(user, read_claims(), body.display_name)
    record("user_updated", act="display name")
    return jsonify(Issued.of(issued).model_dump())


@account_api.put("/users/me/username")
@operation(
    Operation(
        id="changeUsername",
        tag="users",
        body=UsernameChangeBody,
        status=200,
        answered="The user name was changed, and a new session opened.",
        answer=NewSession,
        problems=(
            errors.RenameOff,
            errors.UsernameTaken,
            errors.SessionEnded,
            errors.IncorrectPassword,
            *OF_PASSWORDS,
        ),
        session_at="/session_id",
    )
)
def change_username() -> Response:
    """Change the user name.

    Gives the account another user name, where the operator allows that (`DOORWARD_RENAME=on`). All
    sessions and tokens end, also those of the caller, and the answer has a new session. The old
    name no longer signs in. It stays reserved for the account, which may go back to it; an account
    keeps up to eight names so. A 422 without an error for the password means that it was right.
    """
    user, session = read_session()
    rename = services().rename
    rename.require_allowed()
    body = read_body(request, UsernameChangeBody)
    caller = current_context().caller
    signed_in = rename.change(user, session, body.username, body.password, caller)
    record("user_updated", act="user name")
    record_session("session_created", signed_in)
    return jsonify(NewSession.of_sign_in(signed_in).model_dump())


@account_api.get("/users/me/data")
@operation(
    Operation(
        id="getPersonalData",
        tag="users",
        status=200,
        answered="Everything that is kept about the user.",
        answer=PersonalData,
        problems=(errors.SessionEnded,),
        session_at="/sessions/0/id",
    )
)
def personal_data() -> Response:
    """Get everything kept about the user.

    Returns the account, its last sign-ins, live sessions and known devices. Passwords, their hashes
    and tokens are never in it, and what protects the account, such as counts of wrong passwords, is
    left out. This call does not prolong the session.
    """
    user, session = read_session()
    data = services().own_data.of(user, session)
    record("sensitive_read", act="own data")
    return jsonify(PersonalData.of(data).model_dump())


@account_api.delete("/users/me")
@operation(
    Operation(
        id="deleteAccount",
        tag="users",
        body=PasswordEntryBody,
        status=204,
        answered="The account was deleted.",
        problems=(errors.SessionEnded, errors.IncorrectPassword, *OF_PASSWORDS),
    )
)
def delete_account() -> tuple[str, int]:
    """Delete the account.

    Deletes the user's account and all sessions, on disk when the answer comes. The name is free at
    once; an account that takes it later gets another id.
    """
    user, session = read_session()
    body = read_body(request, PasswordEntryBody)
    services().account_end.delete(user, session, body.password)
    record("user_deleted")
    return "", 204


def _register_and_sign_in(new: NewAccount, device_tokens: str) -> SignedIn:
    caller = current_context().caller
    try:
        signed_in = services().registration.register_and_sign_in(new, device_tokens, caller)
    except errors.UsernameTaken:
        return _sign_in_again(new, device_tokens)
    _record_new(signed_in.user)
    record_session("session_created", signed_in)
    return signed_in


def _sign_in_again(new: NewAccount, device_tokens: str) -> SignedIn:
    """Sign in if the same registration came a moment ago. Raises UsernameTaken if that fails."""
    context = current_context()
    context.username = new.username
    try:
        signed_in = services().registration.sign_in_again(new, device_tokens, context.caller)
    except (errors.InvalidCredentials, errors.TooManyAttempts) as error:
        record_refusal(error)
        raise errors.UsernameTaken from None
    record_session("authn_login_success", signed_in)
    return signed_in


def _record_new(user: User) -> None:
    record("user_created", user_id=user.id)
