"""`flask --app auth_service sessions …`: who is signed in where."""

import click

from auth_service.audit import short
from auth_service.cli.descriptions import SESSION_HEADER, session_fields, session_row
from auth_service.cli.operator import OperatorGroup, current_operator
from auth_service.cli.output import as_json, print_json, print_table
from auth_service.models import User
from auth_service.sessions.service import OwnedSession

sessions = OperatorGroup("sessions", help="Show and end sessions; safe while the service runs.")


@sessions.command("list", help="Print the live sessions of one user, or of all users.")
@click.argument("username", metavar="[NAME]", required=False)
@as_json
def list_sessions(username: str | None, *, as_json: bool) -> None:
    """Print live sessions, the one used last first."""
    operator = current_operator()
    user = operator.administration.find(username) if username else None
    live = operator.sessions.live(user)
    if as_json:
        print_json([session_fields(owned) for owned in live])
    elif live:
        print_table(SESSION_HEADER, map(session_row, live))
    else:
        click.echo(f"{user.username} is not signed in." if user else "Nobody is signed in.")


# An id may begin with a dash.
@sessions.command(
    "end",
    help="End one session, or all sessions of a user.",
    context_settings={"ignore_unknown_options": True},
)
@click.argument("target", metavar="NAME|ID")
def end(target: str) -> None:
    """End what the name or the beginning of an id stands for."""
    found = current_operator().sessions.find(target)
    if isinstance(found, User):
        _end_all_of(found)
    else:
        _end(found)


def _end_all_of(user: User) -> None:
    operator = current_operator()
    ended = operator.sessions.end_all_of(user)
    operator.record(
        "authn_token_revoked", user_id=user.id, act="end", reason="all ended by an operator"
    )
    if ended == 0:
        click.echo(f"{user.username} is not signed in.")
    else:
        click.echo(f"Ended {ended} session{'s' * (ended > 1)} of {user.username}.")


def _end(session: OwnedSession) -> None:
    operator = current_operator()
    operator.sessions.end(session)
    operator.record(
        "authn_token_revoked",
        user_id=session.user.id,
        act="end",
        ended=short(session.record.id),
        reason="ended by an operator",
    )
    click.echo(f"Ended session {short(session.record.id)} of {session.user.username}.")
