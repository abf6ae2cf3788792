"""The committed list of passwords that nobody may choose."""

from __future__ import annotations

import unicodedata
from itertools import pairwise
from pathlib import Path

import pytest

AUTH_SERVICE = Path(__file__).resolve().parents[2] / "auth-service"
BLOCKLIST = AUTH_SERVICE / "auth_service" / "accounts" / "blocklist.txt"
README = AUTH_SERVICE.parent / "scripts" / "blocklist" / "README.md"
LONG = 15

# What people choose when asked for fifteen characters, one on a line.
OBVIOUS = r"""
password111111111
passwordddddddddd
mypasswordmypassword
mypassword12345
welcometothejungle
1qaz2wsx3edc4rfv5tgb
qazwsxedcrfvtgbyhnujm
!@#$%^&*()_+{}|
abcdefg12345678
123456789abcdef
0123456789abcdef
Doorward2026Doorward
administrator1234
adminpassword123
P@ssword1234567
summer2026summer2026
Summer2026Summer
January2026January
mysecretpassword
passwordsecret123
masterpassword1
userpassword123
loginlogin12345
password.password
000000000000001
qweasdzxc123456
aaaaaaaabbbbbbbb
1234512345123451234
1111122222333334
helloworldhelloworld
hello world hello world
thequickbrownfoxjumps
jesuschristjesus
pokemonpokemon123
windowswindows10
qwertyuiop[]asdfghjkl
zyxwvutsrqponmlkjihgfedcba
password2026password
password20252026
Passw0rd2026!!!
ServiceAccount1
qwertyuiopasdfghjklzxcvbnm123
asdfghjkl;'asdfghjkl;'
doorwardpassword123
passwordxxxxxxx
password0000000
passwordaaaaaaaa
1111111password
0000000password
password12312312
password123password
password1234password1234
PasswordPassword!
PasswordPassword!!!
PasswordPassword1234
passwordpassword2026
passwordpassword@123
Password20262026
password1990password
password19901990
my password is password
password password
password_password
password-secret
password secret
secretpassword1
secret_password
secretsecret123
adminadminadmin1
adminadmin12345
admin1111111111
admin!!!!!!!!!!
admin..........
admin_administrator
administrator123
administrator2026
administrator!!
administrator11
adm1nadm1nadm1n1
adm1n1234567890
P@ssw0rdP@ssw0rd1
P@ssw0rd1234567
P@ssw0rd!!!!!!!
P@$$w0rd12345678
MyP@ssw0rd12345
p@ssw0rd2025p@ssw0rd
pa$$wordpa$$word
passw0rdpassw0rd
passw0rd1111111
AdminP@ssw0rd123
l0ginl0ginl0gin1
Welcome123456789
WelcomeWelcome1
Welcome2026Welcome
welcome20262026
welcomewelcome2026
welcome to the jungle
letmeinletmein1
letmeinletmein123
letmein12345678
changemechangeme1
changeme1234567
changeme2026changeme
qwertyqwerty1234
qwertyqwerty2024
qwerty1234567890
qwerty111111111
qwertyuiop12345
qwertyuiop123456789
12345qwertyuiop
asdfghjkl123456
asdfghjklzxcvbnm
zxcvbnmasdfghjkl
poiuytrewqlkjhgfdsa
mnbvcxzlkjhgfdsapoiuytrewq
1qaz2wsx3edc4rfv5tgb6yhn
zaq12wsxcde34rfv
1q2w3e4r5t6y7u8i9o
!@#$%^&*()!@#$%^
)(*&^%$#@!)(*&^%$
1234567890-=qwertyuiop
qwertyuiop[]asdfghjkl;'
qwertyuiop[]\asdfghjkl
bcdefghijklmnopqrst
mnopqrstuvwxyzabc
12345678901234567890
23456789012345678
09876543210987654321
98765432109876543
1357913579135791
1111222233334444
112233445566778899
0000111122223333
4444333322221111
aaabbbcccdddeeefff
aaaaabbbbbccccc
1231231231231234
abcabcabcabcabcab
abcdeabcdeabcdeab
qweqweqweqweqweqw
1212121212121212121
abc123abc123abc12
abcdef1234567890
abcdefghij12345
12345abcdefghij
1234567890abcde
abcdefghijklmno123
summersummer123
summer2024summer
winter2025winter
Winter2025Winter2025
WinterWinter2025
autumn2026autumn
december2025december
December2025!!!
octoberoctober1
monday2026monday
mondaymonday123
saturday1234567
doorward1234567
DoorwardDoorward1
doorwarddoorward!!
doorward_password
doorward.doorward
doorward-portal
doorwardadmin123
doorward1111111
Doorward20262026
doorward dashboard
nginxnginxnginx
dockerdocker123
dockercompose123
flaskflaskflask
authserviceadmin
authservice1234
authservicepassword
gunicorngunicorn1
sessionpassword
dashboard123456
dashboardpassword
portalpassword1
passwordportal123
bcryptpassword123
serviceservice1
testtesttest123
testpassword123
rootpassword123
rootrootroot1234
superuser123456
superadmin12345
iloveyouiloveyou1
iloveyou1234567
dragondragon123
dragon123456789
monkeymonkey1234
passworddragon1
passwordqwerty123
football2024football
sunshinesunshine1
princess1234567
hello world 123
helloworld12345
hello.world.hello.world
happybirthdaytoyou
toinfinityandbeyond
maytheforcebewithyou
the quick brown fox jumps
thequickbrownfoxjumpsover
correcthorsebattery
onceuponatime123
myfavouritepassword
microsoftmicrosoft
google123456789
minecraft123456
manchesterunited1
liverpoolliverpool1
newyorknewyork1
mynewpassword123
default_password
defaultpassword1
guestguestguest1
usernamepassword
username12345678
newpassword12345
qwerty2026qwerty
q1w2e3r4t5y6u7i8
7777777777777777
999999999999999
0101010101010101
iloveyouforever
"""

# What careful people choose, some with common words in it, one on a line.
GOOD = """
Seven herons cross the quarry
lantern-mustard-ferry-oblige
k7#vTq2pZ9!wLx4sBn
a quiet harbour at dawn
tulip anvil saffron ledger
orbit crumble velvet hinge
copper walnut drizzle ninth
pebble-quartz-oboe-thimble
gravel.mitten.falcon.syrup
MossyAnvilTurnsQuietly
thirteen snails repaint the ferry
My aunt keeps 4 bees in Turin
the bus to Graz was late again
we ate 11 plums under the bridge
Grandfather's boat smelled of tar
no umbrella survives Rotterdam
purple ladders hum at noon
who ironed the walrus today?
doorward keeps 9 grey geese
my password is 4 tired llamas
dragon teapot ladder Sunday
summer rain on a tin roof 88
monkeys rarely file invoices
a king without a kitchen sink
Qm4-xR7z-Lp2k-Vt9d
hW9$eKz!3nTb&8yP
zkvu mqpt xeoa rjwd
8f3b1c9e7a2d4056
c0ffee-5pilled-0ver-ruG
tR33frog!Umbrella_77
fjord tango 1973 biscuit
blue piano, cold Thursday
ik fiets graag langs de Maas
Zwölf Boxkämpfer jagen Viktor
el gato duerme en la ventana
le vieux phare clignote encore
noisy-otters-borrow-nine-spoons
kitchen.window.faces.eastward
Marta plays chess by candle
two left shoes and a trombone
"""


@pytest.fixture(scope="module")
def text() -> str:
    """Return the file as it is, without translated line ends."""
    return BLOCKLIST.read_bytes().decode("utf-8")


@pytest.fixture(scope="module")
def entries(text: str) -> list[str]:
    """Return the entries in the order of the file."""
    return text.removesuffix("\n").split("\n")


def test_the_file_ends_with_a_line_end_and_has_no_other_control_characters(
    text: str, entries: list[str]
) -> None:
    assert text.endswith("\n")
    assert all(entry.isprintable() for entry in entries)


def test_the_entries_are_sorted_by_code_point_and_unique(entries: list[str]) -> None:
    assert all(before < after for before, after in pairwise(entries))


def test_every_entry_is_case_folded_and_in_nfc(entries: list[str]) -> None:
    changed = [
        entry for entry in entries if unicodedata.normalize("NFC", entry.casefold()) != entry
    ]
    assert changed == []


def test_no_entry_is_shorter_than_the_lowest_minimum(entries: list[str]) -> None:
    assert [entry for entry in entries if len(entry) < 8] == []


def test_no_entry_begins_or_ends_with_a_space(entries: list[str]) -> None:
    assert [entry for entry in entries if entry != entry.strip()] == []


@pytest.mark.proves("V6.2.4")
def test_at_least_3000_entries_are_as_long_as_the_default_minimum(entries: list[str]) -> None:
    assert sum(len(entry) >= LONG for entry in entries) >= 3000


@pytest.mark.proves("V6.2.4", "V6.2.12")
@pytest.mark.parametrize(
    "password",
    [
        "password",
        "passwordpassword",
        "passwordpassword1",
        "password1234567",
        "password12345678",
        "password!!!!!!!",
        "passwordpasswor",
        "p@ssw0rdp@ssw0rd",
        "iloveyouiloveyou",
        "doorwarddoorward",
        "doorward doorward",
        "doorwardpassword",
        "correcthorsebatterystaple",
        "correct horse battery staple",
        "correct-horse-battery-staple",
        "123456789012345",
        "1234567890123456",
        "987654321098765",
        "abcdefghijklmnop",
        "zyxwvutsrqponml",
        "aaaaaaaaaaaaaaa",
        "000000000000000",
        "123123123123123",
        "qwertyuiopasdfgh",
        "qwertyuiopasdfghjkl",
        "1qaz2wsx3edc4rfv",
        "qwertzuiopasdfg",
        "azertyuiopqsdfg",
        "789456123789456",
    ],
)
def test_a_well_known_password_is_on_the_list(password: str, entries: list[str]) -> None:
    assert password in entries


@pytest.mark.parametrize(
    "password",
    ["Seven herons cross the quarry", "lantern-mustard-ferry-oblige", "k7#vTq2pZ9!wLx4sBn"],
)
def test_a_password_that_follows_no_pattern_is_not_on_the_list(
    password: str, entries: list[str]
) -> None:
    assert password.casefold() not in entries


@pytest.mark.proves("V6.2.4", "V6.2.12")
def test_what_people_do_to_a_short_password_to_make_it_long_is_on_the_list(
    entries: list[str],
) -> None:
    obvious, listed = OBVIOUS.strip().splitlines(), frozenset(entries)
    assert len(obvious) >= 150
    assert min(map(len, obvious)) >= LONG, "shorter ones are refused without a list"
    assert [password for password in obvious if password.casefold() not in listed] == []


def test_what_careful_people_choose_is_not_on_the_list(entries: list[str]) -> None:
    good, listed = GOOD.strip().splitlines(), frozenset(entries)
    assert len(good) >= 40
    assert min(map(len, good)) >= LONG
    assert [password for password in good if password.casefold() in listed] == []


def test_the_list_is_small_enough_to_be_kept_in_memory(text: str, entries: list[str]) -> None:
    assert len(entries) <= 120_000
    assert len(text.encode()) <= 2_500_000


def test_the_readme_gives_the_counts_of_the_committed_file(entries: list[str]) -> None:
    long_ones = sum(len(entry) >= LONG for entry in entries)
    printed = [line.split() for line in README.read_text("utf-8").splitlines()]
    assert ["all", str(len(entries)), str(long_ones)] in printed
