"""A throttle over users in memory, and people who guess."""

from collections.abc import Callable

import pytest

from auth_service.guessing.devices import Devices
from auth_service.guessing.throttle import Throttle
from auth_service.models import User
from unit.auth_service.guessing.people import Person
from unit.auth_service.memory_users import MemoryUsers
from unit.made_users import make_user

MakeThrottle = Callable[..., Throttle]


@pytest.fixture
def store() -> MemoryUsers:
    return MemoryUsers()


@pytest.fixture
def alice(store: MemoryUsers) -> User:
    user = make_user("Alice")
    store.add(user)
    return user


@pytest.fixture
def throttle(make_throttle: MakeThrottle, store: MemoryUsers) -> Throttle:
    return make_throttle(store)


@pytest.fixture
def devices(throttle: Throttle) -> Devices:
    return Devices(throttle.guesses)


@pytest.fixture
def stranger(throttle: Throttle, alice: User) -> Person:
    return Person(throttle, alice)


@pytest.fixture
def owner(throttle: Throttle, alice: User, devices: Devices) -> Person:
    """Alice, at a browser that she has used before."""
    return Person(throttle, alice, device=devices.remember(alice, ""))


@pytest.fixture
def nobody(throttle: Throttle) -> Person:
    """Somebody who guesses at a name that is not there."""
    return Person(throttle, None, "nobody")
