"""Stamps, which show without reading a file whether it was replaced or written."""

from pathlib import Path

Stamp = tuple[int, ...]


def file_stamp(file: Path) -> Stamp:
    """Return a value that changes with each version of a file, or () if there is no file."""
    try:
        status = file.stat()
    except FileNotFoundError:
        return ()
    except OSError:
        return (0,)  # reading the file will give the reason
    return (status.st_ino, status.st_mtime_ns, status.st_size)
