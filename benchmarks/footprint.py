"""The start-up time, memory and image sizes of an idle Doorward."""

from benchmarks.bench import Bench
from benchmarks.figures import readable_bytes
from benchmarks.stacks import ROOT
from doorward_stack.engine import SERVICES, Engine, choose
from doorward_stack.layout import Layout


def rest(bench: Bench) -> None:
    """Tell how long a start takes, and how much memory the programs take before anybody comes."""
    more = bench.results.more
    with bench.stack("rest") as stack:
        more.append(("from the command to the first answer", f"{stack.start_up:.1f} s"))
        for name, pids in stack.processes().items():
            count = f"{len(pids)} process{'es' if len(pids) > 1 else ''}"
            held = f"{readable_bytes(stack.memory(name))} in {count}"
            more.append((f"memory of {name} at rest", held))


def images(bench: Bench) -> None:
    """Tell the size of the images, where an engine can build them."""
    more = bench.results.more
    layout = Layout(ROOT, bench.folder / "images")
    layout.make_folders()
    engine = Engine(layout)
    choice = choose(engine, "auto")
    if choice.mode != "compose" or not choice.build:
        more.append(("image sizes", f"not measured: {choice.why}"))
        return
    bench.say("images: building")
    if engine.compose("build").returncode != 0:
        more.append(("image sizes", "not measured: the images could not be built"))
        return
    names = [f"{engine.project}-{service}" for service in SERVICES]
    for name, service in zip(names[1:], SERVICES[1:], strict=True):
        size = engine.run(["docker", "image", "inspect", "--format", "{{.Size}}", name]).stdout
        more.append((f"image of {service}", readable_bytes(int(size))))
    engine.run(["docker", "image", "rm", "--no-prune", *names])
