"""Finds every problem in the settings of all programs before anything starts or is written."""

from pathlib import Path
from tempfile import TemporaryDirectory

from doorward_init import certificate, folders, nginx, provision
from doorward_settings import auth_service, edge, web_frontend
from doorward_settings.reading import inspect
from session_contract.credentials import new_credential
from session_contract.keyset import KeySetError, KeySetFile


def problems() -> list[str]:
    """Return every problem, each once."""
    auth, found = inspect(auth_service.Settings, before_init=True)
    found += inspect(web_frontend.Settings, before_init=True)[1]
    at_the_edge, problems_there = inspect(edge.Settings, before_init=True)
    found += problems_there
    found += certificate.problems(at_the_edge)
    found += folders.problems(getattr(auth, "data_dir", None), provision.configured_files())
    found += _problems_of_keys(getattr(auth, "key_set_file", None))
    # Only settings without problems can be rendered.
    found = list(dict.fromkeys(found)) or _problems_of_nginx(at_the_edge)
    return list(dict.fromkeys(found))


def _problems_of_keys(file: Path | None) -> list[str]:
    if file is None or not file.exists():
        return []
    try:
        KeySetFile(file)
    except KeySetError as error:
        return [str(error)]
    return []


def _problems_of_nginx(settings: edge.Settings) -> list[str]:
    with TemporaryDirectory(prefix="doorward-") as name:
        folder = Path(name)
        tried = settings.model_copy(
            update={
                "edge_credential": settings.edge_credential or new_credential(),
                "nginx_log": str(folder / "access.log"),
            }
        )
        try:
            nginx.install(nginx.render(tried, {}, folder), folder)
        except nginx.ConfigurationRefused as error:
            return [str(error)]
        except FileNotFoundError:
            return ["nginx is not installed: sudo apt-get install -y nginx"]
    return []
