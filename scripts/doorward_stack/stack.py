"""One stack, whichever way it runs."""

from collections.abc import Mapping
from dataclasses import replace

from . import bootstrap, running, state, system_packages
from .compose import ComposeStack
from .engine import Choice, Engine, choose
from .errors import StackError
from .layout import Layout
from .local import LocalStack
from .settings import Settings


class Stack:
    """The stack of a checkout and a state folder, with the settings that it is to have."""

    def __init__(self, layout: Layout, settings: Settings, wanted: str) -> None:
        """Take as wanted `local` or `compose` where somebody asks for it, `auto` otherwise."""
        self.layout = layout
        self.settings = settings
        self.wanted = wanted
        self.engine = Engine(layout, settings)
        self.local = LocalStack(layout)
        self.compose = ComposeStack(layout, settings, self.engine)

    @property
    def running_mode(self) -> str | None:
        """How it runs, None while it does not."""
        if self.local.running:
            return "local"
        return "compose" if self._engine_runs_it() else None

    def _engine_runs_it(self) -> bool:
        return self.engine.missing() is None and self.compose.running

    def as_it_runs(self, environ: Mapping[str, str]) -> "Stack":
        """Return it with the settings that it was started with, or itself while it does not run."""
        told, mode = state.read(self.layout.state_file), self.running_mode
        if mode is None or told.get("mode") != mode or self.wanted not in ("auto", mode):
            return self
        settings = running.settings_of(told, self.layout, self.settings, environ)
        return Stack(self.layout, settings, self.wanted)

    def refuse_other_data(self, environ: Mapping[str, str]) -> None:
        """Raise StackError if this would stop and remove a stack whose data is not what is meant."""
        told = state.read(self.layout.state_file)
        if "mode" in told:
            running.refuse_other_data(told, self.settings, environ)

    def up(self, mode: str | None = None, why: str | None = None) -> None:
        """Start everything, and return when it answers.

        A stack that is started again is told the mode that it ran in, and why. The layout has to be
        locked.
        """
        wanted = mode or self.wanted
        if self.local.running and wanted == "compose":
            raise StackError("This checkout is running in local mode. Type `make down` first.")
        if self.local.running:
            choice = Choice("local", str(state.read(self.layout.state_file).get("why")))
        else:
            choice = choose(self.engine, wanted)
        choice = replace(choice, why=why or choice.why)
        if choice.mode == "local":
            done = self._up_locally(choice)
        else:
            runs = self.compose.check()
            if runs:
                print(f"Already running at {self.settings.public_url}; applying changes …")
            self.compose.up(choice.why, build=choice.build)
            done = "is up to date" if runs else "is running"
        self._announce(done)

    def _up_locally(self, choice: Choice) -> str:
        if self._engine_runs_it():
            raise StackError("This checkout is running with Compose. Type `make down` first.")
        self.local.check(self.settings)
        lacking = bootstrap.packages(self.layout.root)
        system_packages.need({"nginx": "nginx"}, "Local mode", lacking)
        bootstrap.ensure(self.layout.root)
        return self.local.up(self.settings, choice.why)

    def _announce(self, done: str) -> None:
        told = state.read(self.layout.state_file)
        how = "with Docker Compose" if told["mode"] == "compose" else "in local mode"
        print(
            f"\nDoorward {done} {how} ({told['why']}).\n"
            f"  Open    {told['url']}\n"
            f"  Data    {told['data']}\n"
            f"  Logs    make logs        Stop    make down",
            flush=True,
        )
        unused = self.layout.state / "users.json"
        if told["mode"] == "compose" and unused.exists():
            print(
                f"  Note    {unused} is local mode's and is not used now. To take its people "
                "along:\n          make down, make backup MODE=local, make restore FILE=…"
            )

    def stop(self) -> bool:
        """Stop what this checkout started; return whether there was anything."""
        stopped = self.local.down()
        if self.wanted != "local" and self.engine.missing() is None:
            stopped = self.compose.down() or stopped
        return stopped

    def data_mode(self, otherwise: str | None = None) -> str:
        """Return which way of running the data belongs to that is meant.

        Where there is no data yet, it is how the stack would run, or a StackError that says
        `otherwise`.
        """
        if self.wanted != "auto":
            return self.wanted
        if self.local.running:
            return "local"
        if self.engine.missing() is None and self.engine.has_volume("data"):
            return "compose"
        if (self.settings.data_dir / "secrets").exists():
            return "local"
        if otherwise is not None:
            raise StackError(otherwise)
        return choose(self.engine, "auto").mode
