"""Any order of calls, commands, restarts and time, against the plain model of `expected`.

The application is the real one, with users.json, state.db and throttle.db in a folder of their own;
only the clock is set by hand, and hashes are of the lowest cost. The orders are the same ones every
time; with LONG=1 they are more, longer and new ones.

Each of these, broken in the product by hand, made it fail: sessions that are not compared with the
generation of their user, in looking them up as in renewing and listing; a change of the password
that keeps the generation; names lowered as Unicode has it, so that a Kelvin sign finds a "k";
ending other sessions without regard to whose they are; a password entry that counts as recent for
ever; reading users without looking at the file first; writing without taking in what others wrote.
What it cannot
see: a retired key that goes on verifying, because every token of it has expired by then (the fuzzer
of tokens sees it), what a hand edit does (test_store_machine), and what happens only while two
calls overlap (test_store, test_timing).
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import jwt
import pytest
from flask import Flask
from flask_bcrypt import Bcrypt
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from werkzeug.test import TestResponse

from auth_service.api.services import Services
from auth_service.key_files import rotate_keys
from auth_service.storage.users_json.codec import parse
from session_contract.keyset import Key, KeySet, KeySetFile
from unit.auth_service.expected import (
    ABSOLUTE,
    IDLE,
    OWNER,
    RECENT,
    Expected,
    Session,
    Token,
    canonical,
    is_name,
)

API = "/api/v1"
USERS = f"{API}/users"
SESSIONS = f"{API}/sessions"
CURRENT = f"{SESSIONS}/current"
ME = f"{USERS}/me"
PROBLEM = "urn:doorward:problem:"
# Each password in spellings that mean the same (RFC 8265); the last two may not be chosen.
PASSWORDS = (
    ("a quiet harbour at dawn",),
    ("cr\u00e8me br\u00fbl\u00e9e for eleven", "cre\u0300me bru\u0302le\u0301e for eleven"),
    ("seven herons cross the quarry", "seven\u00a0herons\u2003cross the quarry"),
    ("four words and a comma,",),
    ("too short",),
    ("control\u0007 characters in it",),
)
ALLOWED = 4
LONG = os.environ.get("LONG") == "1"
MakeApp = Callable[..., Flask]

names = st.sampled_from(
    [
        *("alice", "Alice", "ALICE", "bob", "Bob", "carol_1", "CAROL_1"),
        "d",
        "\u212aarl",
        "kArl",
        "karl",
    ]
)
spellings = st.sampled_from(
    [(which, text) for which, texts in enumerate(PASSWORDS) for text in texts if which < ALLOWED]
)
any_password = st.sampled_from(
    [(which, text) for which, texts in enumerate(PASSWORDS) for text in texts]
)
picks = st.integers(0, 9)


class AnyOrder(RuleBasedStateMachine):
    """`how_many` applications on one folder, of which every step uses any one."""

    def __init__(self, place: Path, make_app: MakeApp, clock: Any, how_many: int) -> None:
        super().__init__()
        self._make_app, self._clock = make_app, clock
        self._clock.now = 1_800_000_000.0
        self.folder = Path(tempfile.mkdtemp(dir=place))
        self.data, self.key_file = self.folder / "data", self.folder / "keys.json"
        self.data.mkdir()
        self.path = self.data / "users.json"
        self.key_file.write_text(
            KeySet((Key("first", hashlib.sha256(b"first").digest()),)).to_json()
        )
        self.expected = Expected(int(clock.now))
        self.expected.keys = {"first": None}
        self.tokens: list[Token] = []
        self.devices: list[str] = []
        self.revision = 0
        self.steps = 0
        self.bcrypt = Bcrypt()
        self.bcrypt._handle_long_passwords = True
        self.apps = [self.start() for _ in range(how_many)]

    # --- the system

    def start(self) -> Flask:
        return self._make_app(DATA_DIR=self.data, KEY_SET_FILE=self.key_file, RENAME="on")

    def services(self, app: Flask) -> Services:
        services: Services = app.extensions["auth_service"]
        return services

    def stop(self, app: Flask) -> None:
        services = self.services(app)
        guesses = services.signing_in.devices.guesses
        for database in (services.sessions.records.database, guesses._database):
            database._reader.dispose()
            database._writer.dispose()
        services.signing_in.hasher._pool.shutdown()

    def teardown(self) -> None:
        self.everybody_can_sign_in()
        for app in self.apps:
            self.stop(app)
        shutil.rmtree(self.folder)

    def app(self, pick: int) -> Flask:
        return self.apps[pick % len(self.apps)]

    def ask(
        self, pick: int, method: str, path: str, token: Token | None = None, **body: Any
    ) -> TestResponse:
        headers = {"Authorization": f"Bearer {token.text}"} if token else {}
        return (
            self.app(pick)
            .test_client()
            .open(path, method=method, headers=headers, json=body or None)
        )

    def command(self, pick: int, *arguments: str, text: str = "") -> bool:
        """Run a command for operators; say whether it worked."""
        result = self.app(pick).test_cli_runner().invoke(args=arguments, input=text)
        assert result.exit_code in (0, 1), result.output
        return bool(result.exit_code == 0)

    def token(self, pick: int) -> Token | None:
        """Return a token: for even numbers one that opens something, if there is one."""
        living = [token for token in self.tokens if self.expected.opens(token)]
        tokens = living if living and pick % 2 == 0 else self.tokens
        return tokens[-1 - pick // 2 % len(tokens)] if tokens else None

    def noted(
        self,
        user: str,
        answer: dict[str, Any],
        before: Session | None = None,
        *,
        has_new_password: bool = True,
    ) -> None:
        """Note a session that was opened for a user, by signing in or in the place of another."""
        now = self.expected.now
        generation = self.expected.users[user]["generation"]
        session = Session(answer["session_id"], user, generation, now, now, now + ABSOLUTE, now)
        self.expected.sessions.append(session)
        if before is None:
            self.expected.sign_in(session)
        elif has_new_password:
            self.expected.change_password(before, session)
        else:
            session.told = dict(before.told)
        self.issued(session, answer)
        if answer["device_token"] not in self.devices:
            self.devices.append(answer["device_token"])
        self.expected.counters[user, generation][answer["device_token"]].used_at = now

    def issued(self, session: Session, answer: dict[str, Any]) -> None:
        now = self.expected.now
        expires_at = min(now + IDLE, session.ends_at)
        assert (answer["session_id"], answer["expires_in"]) == (session.id, expires_at - now)
        token = Token(
            answer["token"], session, expires_at, KeySetFile(self.key_file).current().keys[0].kid
        )
        session.tokens.append(token)
        self.tokens.append(token)
        told = {**session.told, "live": len(self.expected.live(session.user))}
        claims = jwt.decode(token.text, options={"verify_signature": False})
        assert {name: claims.get(name, 0) for name in told} == told

    def learn(self, user: str, which: int) -> dict[str, Any]:
        """Take over an account's new hash from the file, where it is the hash of that password."""
        block: dict[str, Any] = json.loads(self.path.read_bytes())["users"][user]
        assert self.bcrypt.check_password_hash(block["password_hash"], PASSWORDS[which][0])
        self.expected.passwords[block["password_hash"]] = which
        return block

    def refused(self, answer: TestResponse, status: int, code: str) -> None:
        body = answer.get_json()
        assert answer.status_code == status, body
        assert body["type"].removeprefix(PROBLEM) == code

    def opens(self, token: Token, answer: TestResponse) -> bool:
        """Say whether a token should open anything; if not, check why it was refused."""
        if self.expected.opens(token):
            return True
        known = self.expected.now < token.expires_at and self.expected.is_known(token)
        self.refused(answer, 401, "session-ended" if known else "invalid-token")
        return False

    # --- accounts and sessions

    @initialize(accounts=st.lists(st.tuples(names, spellings), min_size=2, max_size=4))
    def begin(self, accounts: list[tuple[str, tuple[int, str]]]) -> None:
        """Let a few people register, or nothing else would find anybody."""
        for name, password in accounts:
            self.register(0, name, password, signs_in=True)

    @rule(pick=picks, name=names, password=any_password, signs_in=st.booleans())
    def register(self, pick: int, name: str, password: tuple[int, str], *, signs_in: bool) -> None:
        which, text = password
        answer = self.ask(pick, "POST", USERS, username=name, password=text, sign_in=signs_in)
        if not is_name(name) or which >= ALLOWED:
            self.refused(answer, 422, "invalid-fields")
        elif self.expected.is_reserved(name):
            self.refused(answer, 409, "username-taken")
        elif found := self.expected.find(name):
            made_at = datetime.fromisoformat(self.expected.users[found]["created_at"]).timestamp()
            if signs_in and self.expected.now - made_at < 60:
                self.registered_twice(answer, name, which)
            else:
                self.refused(answer, 409, "username-taken")
        else:
            assert answer.status_code == 201, answer.get_json()
            user = answer.get_json()["id"]
            block = self.learn(user, which)
            made = {
                "username": name,
                "canonical": canonical(name),
                "generation": 1,
                "disabled": False,
            }
            assert {key: block[key] for key in made} == made
            self.expected.users[user] = block
            self.expected.facts[user].password_set_at = self.expected.now
            if signs_in:
                self.noted(user, answer.get_json()["session"])

    @rule(
        pick=picks,
        name=names,
        password=spellings,
        device=picks,
        times=st.sampled_from([1, 1, 1, 6]),
    )
    def sign_in(
        self, pick: int, name: str, password: tuple[int, str], device: int, times: int
    ) -> None:
        shown = self.devices[-device] if 0 < device <= len(self.devices) else ""
        for _ in range(times):
            self.sign_in_once(pick, name, password, shown)

    @rule(pick=picks, user=picks, device=picks, spelling=picks)
    def sign_in_rightly(self, pick: int, user: int, device: int, spelling: int) -> None:
        if self.expected.users:
            key, block = list(self.expected.users.items())[user % len(self.expected.users)]
            which = self.expected.password_of(key)
            texts = PASSWORDS[which]
            shown = self.devices[-device] if 0 < device <= len(self.devices) else ""
            self.sign_in_once(pick, block["username"], (which, texts[spelling % len(texts)]), shown)

    def registered_twice(self, answer: TestResponse, name: str, which: int) -> None:
        """A second registration within a minute is a sign-in, which is counted."""
        user = self.expected.find(name)
        assert user
        counters = self.expected.counted_in(name, "")
        enters = (
            counters is not None
            and self.expected.password_of(user) == which
            and not self.expected.users[user]["disabled"]
        )
        if counters is not None:
            self.expected.count(self.expected.account(name), counters, right=enters)
        if enters:
            assert answer.status_code == 201, answer.get_json()
            self.noted(user, answer.get_json()["session"])
        else:
            self.refused(answer, 409, "username-taken")

    def sign_in_once(self, pick: int, name: str, password: tuple[int, str], shown: str) -> int:
        which, text = password
        user, account = self.expected.find(name), self.expected.account(name)
        counters = self.expected.counted_in(name, shown)
        body = {"username": name, "password": text, "device_token": shown}
        answer = self.ask(pick, "POST", SESSIONS, **body)
        if counters is None:
            self.refused(answer, 429, "too-many-attempts")
            return answer.status_code
        right = user is not None and self.expected.password_of(user) == which
        enters = right and not self.expected.users[user or ""]["disabled"]
        self.expected.count(account, counters, right=enters)
        if enters:
            assert user
            assert answer.status_code == 201, answer.get_json()
            known = shown in counters
            assert (answer.get_json()["device_token"] == shown) == known
            self.noted(user, answer.get_json())
        else:
            self.refused(answer, 401, "invalid-credentials")
        return answer.status_code

    @rule(pick=picks, which=picks)
    def renew(self, pick: int, which: int) -> None:
        if token := self.token(which):
            answer = self.ask(pick, "POST", f"{CURRENT}/renew", token)
            if self.opens(token, answer):
                assert answer.status_code == 200, answer.get_json()
                token.session.renewed_at = self.expected.now
                self.issued(token.session, answer.get_json())

    @rule(pick=picks, which=picks)
    def list_sessions(self, pick: int, which: int) -> None:
        if token := self.token(which):
            answer = self.ask(pick, "GET", SESSIONS, token)
            if self.opens(token, answer):
                live = {session.id for session in self.expected.live(token.session.user)}
                listed = [session["id"] for session in answer.get_json()["sessions"]]
                assert (set(listed), len(listed)) == (live, len(live))

    @rule(pick=picks, which=picks)
    def sign_out(self, pick: int, which: int) -> None:
        if token := self.token(which):
            answer = self.ask(pick, "DELETE", CURRENT, token)
            expired = self.expected.now >= token.expires_at
            if token.kid in self.expected.keys and (expired or self.expected.is_known(token)):
                assert answer.status_code == 204, answer.get_json()
                token.session.ended = True
            else:
                self.refused(answer, 401, "invalid-token")

    @rule(pick=picks, which=picks, other=picks)
    def end_a_session(self, pick: int, which: int, other: int) -> None:
        token, target = self.token(which), self.token(other)
        if token and target:
            answer = self.ask(pick, "DELETE", f"{SESSIONS}/{target.session.id}", token)
            if self.opens(token, answer):
                own = target.session is token.session
                if target.session not in self.expected.live(token.session.user):
                    self.refused(answer, 404, "not-found")
                elif not own and self.expected.now - token.session.authenticated_at > RECENT:
                    self.refused(answer, 403, "reauthentication-required")
                else:
                    assert answer.status_code == 204, answer.get_json()
                    target.session.ended = True

    @rule(pick=picks, which=picks)
    def end_others(self, pick: int, which: int) -> None:
        if token := self.token(which):
            answer = self.ask(pick, "DELETE", f"{SESSIONS}?others=true", token)
            if self.opens(token, answer):
                if self.expected.now - token.session.authenticated_at > RECENT:
                    self.refused(answer, 403, "reauthentication-required")
                else:
                    assert answer.status_code == 204, answer.get_json()
                    for session in self.expected.sessions:
                        if session.user == token.session.user and session is not token.session:
                            session.ended = True

    def confirmed(
        self,
        token: Token,
        password: int,
        answer: TestResponse,
        wrong: tuple[int, str] = (403, "incorrect-password"),
    ) -> bool:
        """Count a password entered in a session; say whether it was right and not refused.

        A wrong one is answered `wrong`, until it is the fifth.
        """
        session = token.session
        account = (session.user, session.generation)
        if self.expected.counters[account][OWNER].wrong >= 20:
            self.refused(answer, 429, "too-many-attempts")
            return False
        right = self.expected.password_of(session.user) == password
        self.expected.count(account, (OWNER,), right=right)
        session.wrong = 0 if right else session.wrong + 1
        if session.wrong == 5:
            session.ended = True
            self.refused(answer, 401, "session-ended")
        elif not right:
            self.refused(answer, *wrong)
        else:
            session.authenticated_at = self.expected.now
        return right

    @rule(pick=picks, which=picks, password=spellings, times=st.sampled_from([1, 1, 5]))
    def confirm(self, pick: int, which: int, password: tuple[int, str], times: int) -> None:
        for _ in range(times):
            if token := self.token(which):
                answer = self.ask(
                    pick, "POST", f"{CURRENT}/reauthentication", token, password=password[1]
                )
                if self.opens(token, answer) and self.confirmed(token, password[0], answer):
                    assert answer.status_code == 204, answer.get_json()

    @rule(pick=picks, which=picks, right=st.booleans(), password=spellings, new=any_password)
    def change_password(
        self, pick: int, which: int, password: tuple[int, str], new: tuple[int, str], *, right: bool
    ) -> None:
        if (token := self.token(which)) is None:
            return
        current, text = password
        if right and (owner := self.expected.owner(token.session)):
            current = self.expected.passwords[owner["password_hash"]]
            text = PASSWORDS[current][0]
        body = {"current_password": text, "new_password": new[1]}
        answer = self.ask(pick, "PUT", f"{ME}/password", token, **body)
        if not self.opens(token, answer):
            return
        if new[0] >= ALLOWED or new[0] == current:
            unacceptable = (422, "invalid-fields")
            if self.confirmed(token, current, answer, wrong=unacceptable):
                self.refused(answer, *unacceptable)
        elif self.confirmed(token, current, answer):
            assert answer.status_code == 200, answer.get_json()
            user = token.session.user
            before = self.expected.users[user]
            after = self.learn(user, new[0])
            self.expected.users[user] = {
                **before,
                "generation": before["generation"] + 1,
                "password_hash": after["password_hash"],
            }
            self.noted(user, answer.get_json(), token.session)

    @rule(pick=picks, which=picks, name=names, password=spellings, right=st.booleans())
    def change_username(
        self, pick: int, which: int, name: str, password: tuple[int, str], *, right: bool
    ) -> None:
        if (token := self.token(which)) is None:
            return
        known, text = password
        if right and (owner := self.expected.owner(token.session)):
            known = self.expected.passwords[owner["password_hash"]]
            text = PASSWORDS[known][0]
        answer = self.ask(pick, "PUT", f"{ME}/username", token, username=name, password=text)
        if not self.opens(token, answer):
            return
        user = token.session.user
        unacceptable = (422, "invalid-fields")
        if not self.expected.may_be_called(user, name):
            if self.confirmed(token, known, answer, wrong=unacceptable):
                self.refused(answer, *unacceptable)
        elif not self.confirmed(token, known, answer):
            return
        elif self.expected.is_of_somebody_else(user, name):
            self.refused(answer, 409, "username-taken")
        else:
            assert answer.status_code == 200, answer.get_json()
            self.expected.rename(user, name)
            self.noted(user, answer.get_json(), token.session, has_new_password=False)

    @rule(pick=picks, which=picks, password=spellings, right=st.booleans())
    def delete_account(
        self, pick: int, which: int, password: tuple[int, str], *, right: bool
    ) -> None:
        if (token := self.token(which)) is None:
            return
        known, text = password
        if right and (owner := self.expected.owner(token.session)):
            known = self.expected.passwords[owner["password_hash"]]
            text = PASSWORDS[known][0]
        answer = self.ask(pick, "DELETE", ME, token, password=text)
        if self.opens(token, answer) and self.confirmed(token, known, answer):
            assert answer.status_code == 204, answer.get_json()
            del self.expected.users[token.session.user]

    # --- operators

    @rule(pick=picks, name=names, act=st.sampled_from(["disable", "enable", "remove", "unlock"]))
    def administer(self, pick: int, name: str, act: str) -> None:
        user = self.expected.find(name)
        assert self.command(pick, "users", act, name) == (user is not None)
        if user is None:
            return
        block = self.expected.users[user]
        if act == "remove":
            del self.expected.users[user]
        elif act == "unlock":
            counters = self.expected.counters[user, block["generation"]]
            for counter in ("strangers", OWNER):
                counters[counter].wrong = 0
        else:
            changed = {"generation": block["generation"] + 1, "disabled": act == "disable"}
            self.expected.users[user] = {**block, **changed}

    @rule(pick=picks, name=names, new=any_password)
    def set_password(self, pick: int, name: str, new: tuple[int, str]) -> None:
        user = self.expected.find(name)
        accepted = user is not None and new[0] < ALLOWED
        assert self.command(pick, "users", "set-password", name, text=f"{new[1]}\n") == accepted
        if user and accepted:
            block = self.expected.users[user]
            new_hash = self.learn(user, new[0])["password_hash"]
            changed = {"generation": block["generation"] + 1, "password_hash": new_hash}
            self.expected.users[user] = {**block, **changed}
            self.expected.facts[user].password_set_at = self.expected.now

    @rule(revoke=st.booleans())
    def rotate_keys(self, *, revoke: bool) -> None:
        now = self.expected.now
        rotated = rotate_keys(self.key_file, now, IDLE, revoke=revoke)
        old = {} if revoke else self.expected.keys
        living = {kid: at or now + IDLE for kid, at in old.items() if at is None or now < at}
        self.expected.keys = {rotated.signing_key.kid: None, **living}

    # --- time and restarts

    @rule(seconds=st.sampled_from([1, 2, 30, 61, 301, 301, 600, 1799, 1800, 43_200]))
    def time_passes(self, seconds: int) -> None:
        self.expected.now += seconds
        self._clock.now += seconds

    @rule(pick=picks)
    def restart(self, pick: int) -> None:
        at = pick % len(self.apps)
        self.stop(self.apps[at])
        self.apps[at] = self.start()

    # --- what always holds

    @invariant()
    def users_json_is_that_of_the_model(self) -> None:
        data = self.path.read_bytes()
        document = json.loads(data)
        assert document["users"] == self.expected.users
        assert list(document["users"]) == list(self.expected.users)
        assert len(parse(data, minimum_cost=4).users) == len(document["users"])
        assert document["revision"] >= self.revision
        self.revision = document["revision"]
        names_in_file = [canonical(user["username"]) for user in document["users"].values()]
        assert len(set(names_in_file)) == len(names_in_file)
        assert list(self.data.glob("users.json.rejected-*")) == []

    @invariant()
    def only_live_sessions_open_anything(self) -> None:
        # Not through both: what one has not noticed yet it must notice when it is asked.
        self.steps += 1
        for token in self.tokens[-6:]:
            answer = self.ask(self.steps, "GET", CURRENT, token)
            if self.opens(token, answer):
                owner = self.expected.users[token.session.user]
                assert answer.get_json()["user"] == {
                    "id": token.session.user,
                    "username": owner["username"],
                }

    def everybody_can_sign_in(self) -> None:
        """In the end every account that was acknowledged is there, and its password opens it."""
        self.time_passes(900)
        for pick, (user, block) in enumerate(list(self.expected.users.items())):
            which = self.expected.password_of(user)
            status = self.sign_in_once(pick, block["username"], (which, PASSWORDS[which][0]), "")
            locked = self.expected.counters[user, block["generation"]]["strangers"].wrong >= 80
            assert status == (429 if locked else 401 if block["disabled"] else 201)


@pytest.mark.prolonged
@pytest.mark.timeout(7200 if LONG else 900)
@pytest.mark.parametrize(
    ("how_many", "examples"),
    [
        (2, 8),
        pytest.param(1, 50, marks=pytest.mark.slow),
        pytest.param(2, 50, marks=pytest.mark.slow),
    ],
)
def test_in_any_order_the_system_does_what_the_model_does(
    tmp_path: Path, make_app: MakeApp, clock: Any, how_many: int, examples: int
) -> None:
    budget = settings(
        derandomize=not LONG,
        print_blob=True,
        max_examples=600 if LONG else examples,
        stateful_step_count=60 if LONG else 25,
        suppress_health_check=list(HealthCheck),
        # Explaining a failure traces every line, and takes most of the time.
        phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    )
    run_state_machine_as_test(
        lambda: AnyOrder(tmp_path, make_app, clock, how_many), settings=budget
    )
