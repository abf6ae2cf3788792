"""What a power cut may leave of some files, worked out from the system calls that were traced.

The model is stricter than any real file system. What was written to a file is safe only when fsync
or fdatasync of that file has returned; a name that was made, moved or removed only when fsync of
the folder has. Of everything else any part may be on the disk and any part not, in whatever order
it was done.
"""

import itertools
import math
import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

CALL = re.compile(r"(\d+) +(?:<\.\.\. )?(\w+)(?: resumed>|\()(.*)$")
DESCRIPTOR = re.compile(r"(\d+)<((?:\\x[0-9a-f]{2})*)>")
STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
Edit = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Call:
    """A call to the system: by which thread, what went in, and what came back.

    One that took long stands twice in a trace: when it began (`result` is None), and when it
    returned.
    """

    thread: int
    name: str
    arguments: str
    result: int | None

    @property
    def paths(self) -> list[str]:
        """The files that its descriptors are open for, else those that it names."""
        found = [_text(hexadecimal) for _, hexadecimal in DESCRIPTOR.findall(self.arguments)]
        return found if "AT_FDCWD" not in self.arguments and found else self.strings

    @property
    def strings(self) -> list[str]:
        """Its texts."""
        return [_text(hexadecimal) for hexadecimal in STRING.findall(self.arguments)]

    @property
    def data(self) -> bytes:
        """What it wrote."""
        match = STRING.search(self.arguments)
        return _bytes(match[1]) if match else b""

    @property
    def numbers(self) -> list[int]:
        """Its arguments after the last text or descriptor, as far as they are numbers."""
        rest = re.split(r'["<>]', self.arguments)[-1]
        return [int(number) for number in re.findall(r"-?\d+", rest)]


def calls(trace: Path) -> Iterator[Call]:
    """Yield the calls in the order in which they began or returned."""
    begun: dict[int, str] = {}
    for line in trace.read_text().splitlines():
        match = CALL.match(line)
        if not match:
            continue
        thread, name, rest = int(match[1]), match[2], match[3]
        if rest.endswith("<unfinished ...>"):
            begun[thread] = rest.removesuffix("<unfinished ...>")
            yield Call(thread, name, begun[thread], None)
            continue
        if "resumed>" in line:
            rest = begun.pop(thread, "") + rest
        arguments, _, result = rest.rpartition(" = ")
        if number := re.match(r"-?\d+", result):
            yield Call(thread, name, arguments.rstrip().removesuffix(")"), int(number[0]))


def _bytes(hexadecimal: str) -> bytes:
    return bytes.fromhex(hexadecimal.replace("\\x", ""))


def _text(hexadecimal: str) -> str:
    return _bytes(hexadecimal).decode("utf-8", "replace")


@dataclass(eq=False)
class Content:
    """A file without a name: what is safe, and what was done since."""

    safe: bytes = b""
    edits: list[Edit] = field(default_factory=list)
    position: int = 0

    def now(self, edits: int | None = None) -> bytes:
        """Return what a program reads, or would read had only the first so many edits been made."""
        content = self.safe
        for edit in self.edits[:edits]:
            content = edit(content)
        return content

    def sync(self) -> None:
        """Make safe what there is."""
        self.safe, self.edits = self.now(), []

    def variants(self) -> list[bytes]:
        """Return what may be left: nothing new, all, half the edits, half the last, or zeros."""
        if not self.edits:
            return [self.safe]
        everything, without_last = self.now(), self.now(len(self.edits) - 1)
        torn = everything[: len(everything) // 2] + without_last[len(everything) // 2 :]
        zeros = self.safe + bytes(max(0, len(everything) - len(self.safe)))
        return list(
            dict.fromkeys(
                [self.safe, everything, without_last, self.now(len(self.edits) // 2), torn, zeros]
            )
        )


Names = dict[str, Content]
Left = Mapping[str, bytes]
"""What is left of the files, by name."""


class Disk:
    """The files of one folder whose names begin in one way."""

    def __init__(self, folder: Path, prefix: str, without: Sequence[str] = ()) -> None:
        self._folder = str(folder)
        self._prefix = prefix
        self._without = without
        self.names: Names = {}
        self._safe: Names = {}
        self._renaming: list[Callable[[Names], None]] = []

    def apply(self, call: Call) -> bool:
        """Do what a call did; return whether it had to do with these files."""
        if call.result is None or call.result < 0:
            return False
        if call.name in ("fsync", "fdatasync") and call.paths == [self._folder]:
            self._safe, self._renaming = dict(self.names), []
            return True
        mine = [name for path in call.paths if (name := self._mine(path))]
        if not mine:
            return False
        getattr(self, f"_{call.name}")(call, *mine)
        return True

    def _mine(self, path: str) -> str | None:
        folder, _, name = path.rpartition("/")
        good = (
            folder == self._folder
            and name.startswith(self._prefix)
            and not name.endswith(tuple(self._without))
        )
        return name if good else None

    def _rename_with(self, change: Callable[[Names], None]) -> None:
        change(self.names)
        self._renaming.append(change)

    def _edit(self, name: str, edit: Edit) -> None:
        self.names[name].edits.append(edit)

    def _openat(self, call: Call, name: str) -> None:
        if name not in self.names:
            made = Content()
            self._rename_with(lambda names: names.update({name: made}))
        elif "O_TRUNC" in call.arguments:
            self._edit(name, lambda _content: b"")
        self.names[name].position = 0

    def _write_at(self, name: str, data: bytes, offset: int) -> None:
        self._edit(
            name,
            lambda content: (
                content[:offset].ljust(offset, b"\0") + data + content[offset + len(data) :]
            ),
        )

    def _write(self, call: Call, name: str) -> None:
        assert call.result is not None
        self._write_at(name, call.data[: call.result], self.names[name].position)
        self.names[name].position += call.result

    def _pwrite64(self, call: Call, name: str) -> None:
        self._write_at(name, call.data[: call.result], call.numbers[-1])

    def _ftruncate(self, call: Call, name: str) -> None:
        length = call.numbers[-1]
        self._edit(name, lambda content: content[:length].ljust(length, b"\0"))

    def _sendfile(self, call: Call, name: str, source: str) -> None:
        assert call.result is not None
        start = int(re.findall(r"\[(\d+)\]", call.arguments)[0])
        data = self.names[source].now()[start : start + call.result]
        self._write_at(name, data, self.names[name].position)
        self.names[name].position += call.result

    def _rename(self, _call: Call, name: str, new: str) -> None:
        moved = self.names[name]

        def move(names: Names) -> None:
            if names.get(name) is moved:
                del names[name]
            names[new] = moved

        self._rename_with(move)

    def _link(self, _call: Call, name: str, new: str) -> None:
        linked = self.names[name]
        self._rename_with(lambda names: names.update({new: linked}))

    _linkat = _link

    def _unlink(self, _call: Call, name: str) -> None:
        self._rename_with(lambda names: names.pop(name, None))

    def _fsync(self, _call: Call, name: str) -> None:
        self.names[name].sync()

    _fdatasync = _fsync

    def left(self, chance: random.Random, most: int) -> Iterator[Left]:
        """Yield what may be left if the power is cut now: all cases, or `most` drawn by lot."""
        subsets = list(itertools.product((False, True), repeat=len(self._renaming)))
        named = [self._named(subset) for subset in subsets]
        cases = sum(
            math.prod(len(content.variants()) for content in names.values()) for names in named
        )
        if cases <= most:
            for names in named:
                for choice in itertools.product(
                    *(content.variants() for content in names.values())
                ):
                    yield dict(zip(names, choice, strict=True))
            return
        for _ in range(most):
            names = chance.choice(named)
            yield {name: chance.choice(content.variants()) for name, content in names.items()}

    def _named(self, happened: Iterable[bool]) -> Names:
        names = dict(self._safe)
        for change in itertools.compress(self._renaming, happened):
            change(names)
        return names
