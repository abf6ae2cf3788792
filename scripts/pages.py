"""Writes the pages in build/, each from the template of its name."""

import os
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from doorward_stack.layout import ROOT

TEMPLATES = Path(__file__).with_name("templates")


def write(name: str, ran_at: str, **values: object) -> None:
    """Fill in a template, write the page into build/, and say so."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - it is Markdown
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["cell"] = lambda text: str(text).replace("|", "&#124;")
    page = ROOT / "build" / f"{name}.md"
    page.parent.mkdir(exist_ok=True)
    page.write_text(
        environment.get_template(f"{name}.md.j2").render(values, ran_at=ran_at), "utf-8"
    )
    print(f"Written: {os.path.relpath(page)}")
