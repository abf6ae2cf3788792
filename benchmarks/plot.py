"""The plot of cost against the number of users: an SVG that reads well on light and dark pages."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.figures import Size, lines

# Replaced by the page's own colour of text: inside a picture only a style sheet knows light from
# dark.
INK = "#123456"
STYLE = "<style>svg{color:#1f2328}@media(prefers-color-scheme:dark){svg{color:#e6edf3}}</style>"
# Contrast of at least three to one against white and near-black. The marks differ too.
COLOURS = ("#2f7fd6", "#c7661d", "#2e9e63")
MARKS = ("o", "s", "^")


def write(sizes: Sequence[Size], path: Path) -> None:
    """Draw it."""
    settings = {"svg.fonttype": "none", "svg.hashsalt": "doorward", "font.family": "sans-serif"}
    with mpl.rc_context(settings):
        figure = Figure(figsize=(7.2, 4), layout="constrained")
        figure.patch.set_alpha(0)
        axes = figure.add_subplot()
        axes.patch.set_alpha(0)
        for (name, points), colour, mark in zip(lines(sizes).items(), COLOURS, MARKS, strict=True):
            axes.plot(*zip(*points, strict=True), marker=mark, color=colour, label=name)
        axes.set(xscale="log", yscale="log", xlabel="users in users.json", ylabel="seconds")
        axes.grid(visible=True, color=INK, alpha=0.15)
        axes.tick_params(which="both", colors=INK)
        for part in (*axes.spines.values(), axes.xaxis.label, axes.yaxis.label):
            part.set(color=INK)
        axes.legend(frameon=False, labelcolor=INK)
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    text = path.read_text("utf-8").replace(INK, "currentColor")
    head, opening, rest = text.partition("<defs>")
    path.write_text(f"{head}{STYLE}{opening}{rest}", "utf-8")
