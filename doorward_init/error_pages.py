"""Writes nginx's own error page, with its stylesheet and its icon or the logo."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from doorward_settings.edge import Settings

FOLDER = "pages"


def icon_extension(settings: Settings) -> str:
    """Return the end of the name of the file that is icon and logo of the page."""
    return settings.logo.extension if settings.logo else "svg"


def write(settings: Settings, folder: Path) -> None:
    """Write the files into a subfolder of nginx's folder. Raises OSError."""
    pages = folder / FOLDER
    pages.mkdir(mode=0o700, parents=True, exist_ok=True)
    share = Path(settings.nginx_share)
    stylesheet = (share / "error.css").read_text("utf-8") + settings.accent_stylesheet
    icon = settings.logo.content if settings.logo else (share / "error.svg").read_bytes()
    _replace(pages / "error.html", _page(settings).encode())
    _replace(pages / "error.css", stylesheet.encode())
    _replace(pages / f"error.{icon_extension(settings)}", icon)


def _page(settings: Settings) -> str:
    environment = Environment(
        loader=FileSystemLoader(settings.nginx_share),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    return environment.get_template("error.html").render(
        icon_type=settings.logo.media_type if settings.logo else "image/svg+xml",
        icon_url=f"/nginx-error.{icon_extension(settings)}",
        logo=settings.logo,
        privacy_url=settings.privacy_url,
        site_name=settings.site_name,
        terms_url=settings.terms_url,
    )


def _replace(file: Path, content: bytes) -> None:
    # nginx may be reading the former file.
    new = file.with_name(f"{file.name}.new")
    new.write_bytes(content)
    new.replace(file)
