"""Settings that make the site look like yours, for web-frontend and for nginx's own pages."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from pydantic import Field

from doorward_settings.base import Conflict, ProgramSettings, conflict
from doorward_settings.fields import AccentColours, LinkedUrl, SiteName
from doorward_settings.logo import Logo, LogoRefused, read_logo


class BrandSettings(ProgramSettings):
    """Name, logo, colour and legal links of the site."""

    site_name: SiteName = Field(
        "Doorward", description="use 1 to 40 characters without control characters"
    )
    brand_dir: Path | None = None
    logo_file: str = ""
    accent: AccentColours | None = Field(
        None,
        description="use #rrggbb, or two of them with a comma between, such as #0b6e4f,#5cd6a9",
    )
    privacy_url: LinkedUrl = Field(
        "", description="use an http or https URL, such as https://example.com/privacy"
    )
    terms_url: LinkedUrl = Field(
        "", description="use an http or https URL, such as https://example.com/terms"
    )

    @cached_property
    def logo(self) -> Logo | None:
        """The logo, read once. Raises LogoRefused."""
        return read_logo(self._logo_path) if self.logo_file else None

    @property
    def accent_stylesheet(self) -> str:
        """What stylesheets must end with to have the accent colour."""
        return self.accent.stylesheet if self.accent else ""

    @property
    def _logo_path(self) -> Path:
        return Path(self.brand_dir or "/", self.logo_file)

    def conflicts(self) -> Iterator[Conflict]:
        """Yield a problem for each reason why the logo cannot be shown."""
        yield from super().conflicts()
        if self.logo_file and not self.brand_dir and not self.logo_file.startswith("/"):
            yield conflict(
                "logo_file brand_dir",
                f"DOORWARD_LOGO_FILE: {self.logo_file!r} is in DOORWARD_BRAND_DIR, which is not "
                "set: set it, or use an absolute path",
            )
            return
        try:
            _ = self.logo
        except LogoRefused as error:
            for problem in error.problems:
                yield conflict(
                    "logo_file brand_dir", f"DOORWARD_LOGO_FILE: {self._logo_path} {problem}"
                )
