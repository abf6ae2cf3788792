"""The audit log: the facts for investigating an incident, without secrets."""

import os
from dataclasses import dataclass
from typing import Protocol

from auth_service.storage.ports import Users
from auth_service.usernames import canonical_username
from session_contract.audit_events import record_event
from session_contract.callers import Caller


class Pseudonyms(Protocol):
    """Makes pseudonyms."""

    def pseudonym(self, name: str) -> str:
        """Return the pseudonym of a name that no account has."""


@dataclass(frozen=True)
class AuditLog:
    """Records security events. An unknown name gets a pseudonym, as it may be a password."""

    users: Users
    pseudonyms: Pseudonyms

    def record(
        self, event: str, caller: Caller | None, *, username: str | None = None, **details: object
    ) -> None:
        """Record an event of a request or, without a caller, of an operator's command."""
        if username is not None:
            canonical = canonical_username(username)
            # Both are always computed, so that the time does not show which names are known.
            user = self.users.find(canonical)
            pseudonym = self.pseudonyms.pseudonym(canonical)
            details["user_id"] = user.id if user else None
            details["unknown_name"] = None if user else pseudonym
        if caller is None:
            details["operator_uid"] = int(os.environ.get("SUDO_UID", os.getuid()))
        record_event(event, caller.user_agent if caller else None, **details)


def short(identifier: str) -> str:
    """Return enough of an identifier to tell sessions apart, and too little to use it."""
    return identifier[:8]
