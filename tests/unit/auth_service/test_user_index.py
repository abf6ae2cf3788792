"""The users in memory, and drafts of changes to them."""

from collections.abc import Callable

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from auth_service.errors import UsernameTaken
from auth_service.models import User
from auth_service.storage.users_json.codec import encode_user
from auth_service.storage.users_json.user_index import Draft, UserIndex

MakeUser = Callable[..., User]


def test_a_user_is_found_by_id_and_by_canonical_name(make_user: MakeUser) -> None:
    alice = make_user("Alice")
    index = UserIndex([alice])
    assert index.get(alice.id) == index.find("alice") == alice
    assert index.get("alice") is index.find("Alice") is index.find(alice.id) is None
    assert index.find("\ud800") is None


def test_a_draft_changes_nothing_until_it_is_accepted(make_user: MakeUser) -> None:
    alice, bob = make_user("Alice"), make_user("Bob")
    index = UserIndex([alice])
    draft = Draft(index)
    draft.put(alice, None)
    draft.add(bob)
    assert (index.all(), draft.get(alice.id), draft.find("alice")) == ((alice,), None, None)
    assert draft.get(bob.id) is draft.find("bob") is bob
    index.accept(draft.changes)
    assert index.all() == (bob,)


def test_the_second_of_two_like_names_in_one_draft_is_refused(make_user: MakeUser) -> None:
    draft = Draft(UserIndex())
    draft.add(make_user("Alice"))
    with pytest.raises(UsernameTaken):
        draft.add(make_user("ALICE"))
    assert len(draft.changes) == 1


def test_a_name_freed_in_a_draft_can_be_given_to_another_in_the_same(make_user: MakeUser) -> None:
    old, new = make_user("Alice"), make_user("ALICE")
    index = UserIndex([old])
    draft = Draft(index)
    draft.put(old, None)
    draft.add(new)
    index.accept(draft.changes)
    assert (index.find("alice"), index.get(old.id), index.all()) == (new, None, (new,))


def test_a_changed_user_keeps_the_place_in_the_order_of_creation(make_user: MakeUser) -> None:
    alice, bob = make_user("Alice"), make_user("Bob")
    index = UserIndex([alice, bob])
    draft = Draft(index)
    changed = make_user("Alice", disabled=True)
    draft.put(changed, changed)
    index.accept(draft.changes)
    assert index.all() == (changed, bob)
    assert list(index.blocks_with({})) == [encode_user(changed), encode_user(bob)]


class AnyChanges(RuleBasedStateMachine):
    """Drafts of any changes, accepted at any time or thrown away, against a plain dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.index, self.model = UserIndex(), dict[str, User]()
        self.draft, self.drafted, self.serial = Draft(self.index), dict[str, User](), 0

    @rule(name=st.sampled_from(["alice", "Alice", "bob", "BOB", "carol"]))
    def add(self, name: str) -> None:
        self.serial += 1
        user = User(f"id{self.serial}", name, name.lower(), "$2b$10$" + "." * 53, 1, False, "")
        try:
            self.draft.add(user)
        except UsernameTaken:
            assert any(other.canonical == name.lower() for other in self.drafted.values())
        else:
            assert all(other.canonical != name.lower() for other in self.drafted.values())
            self.drafted[user.id] = user

    @rule(name=st.sampled_from(["alice", "bob", "carol"]), removes=st.booleans())
    def change(self, name: str, *, removes: bool) -> None:
        user = self.draft.find(name)
        expected = next((other for other in self.drafted.values() if other.canonical == name), None)
        assert user == expected
        if user is None:
            return
        if removes:
            self.draft.put(user, None)
            del self.drafted[user.id]
        else:
            changed = User(
                user.id, user.username, name, user.password_hash, user.generation + 1, True, ""
            )
            self.draft.put(changed, changed)
            self.drafted[user.id] = changed

    @rule(accepts=st.booleans())
    def end(self, *, accepts: bool) -> None:
        if accepts:
            self.index.accept(self.draft.changes)
            self.model = self.drafted
        self.draft, self.drafted = Draft(self.index), dict(self.model)

    @rule()
    def compact(self) -> None:
        self.index.compact()

    @invariant()
    def the_index_is_what_was_accepted(self) -> None:
        assert self.index.all() == tuple(self.model.values())
        assert list(self.index.blocks_with({})) == [
            encode_user(user) for user in self.model.values()
        ]
        assert list(self.index.blocks_with(self.draft.changes)) == [
            encode_user(user) for user in self.drafted.values()
        ]
        for user in self.model.values():
            assert self.index.get(user.id) == self.index.find(user.canonical) == user
        for name in {"alice", "bob", "carol"} - {user.canonical for user in self.model.values()}:
            assert self.index.find(name) is None


TestAnyChanges = AnyChanges.TestCase
