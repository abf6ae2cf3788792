"""What the dashboard tells people about their account, on the whole stack."""

import time

from journeys.conftest import NewVisitor
from journeys.visitor import claims, new_name
from running_stack import Stack

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)


def test_the_dashboard_tells_of_the_sign_in_before_wrong_passwords_and_devices(
    prompt: Stack, new_visitor: NewVisitor
) -> None:
    name, laptop, phone = new_name(), new_visitor(prompt), new_visitor(prompt)
    laptop.http.headers["User-Agent"] = FIREFOX
    phone.http.headers["User-Agent"] = PHONE
    assert laptop.register(name).status_code == 303
    first = laptop.page("/dashboard").text
    assert "Signed in on 1 device" in first
    assert "Password set" in first
    assert "Previous sign-in" not in first

    for _ in range(2):
        assert phone.sign_in(name, "not the password").status_code == 401
    assert phone.sign_in(name).status_code == 303
    told = phone.page("/dashboard").text
    assert "Previous sign-in" in told
    assert ", Firefox on Linux" in told
    assert "Wrong passwords since then 2 · Change your password" in told
    assert "Signed-in devices 2" in told

    # The laptop hears of the phone at its next renewal.
    due = claims(laptop.token)["iat"] + 2
    time.sleep(max(0.0, due - time.time()))
    now = laptop.page("/dashboard").text
    assert "Signed-in devices 2" in now
    assert "Previous sign-in" not in now
