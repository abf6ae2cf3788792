"""The services that the views call; app.py builds them."""

from dataclasses import dataclass
from typing import cast

from flask import current_app

from auth_service.audit import AuditLog
from auth_service.sessions.service import SessionService
from auth_service.usecases.account_end import AccountEnd
from auth_service.usecases.display_name import DisplayNameChange
from auth_service.usecases.own_data import OwnData
from auth_service.usecases.password_change import PasswordChange
from auth_service.usecases.reauthentication import Reauthentication
from auth_service.usecases.registration import Registration
from auth_service.usecases.rename import Rename
from auth_service.usecases.signing_in import SigningIn
from session_contract.tokens import TokenVerifier


@dataclass(frozen=True)
class Services:
    """The services of an application."""

    registration: Registration
    signing_in: SigningIn
    reauthentication: Reauthentication
    password_change: PasswordChange
    display_name_change: DisplayNameChange
    account_end: AccountEnd
    own_data: OwnData
    rename: Rename
    sessions: SessionService
    verifier: TokenVerifier
    audit: AuditLog


def services() -> Services:
    """Return the services of the current application."""
    return cast("Services", current_app.extensions["auth_service"])
