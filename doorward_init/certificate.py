"""Checks nginx's certificate and key."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from doorward_settings.address import AddressSettings

_PUBLIC = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def problems(settings: AddressSettings, now: datetime | None = None) -> list[str]:
    """Return the problems of certificate and key, if nginx provides TLS."""
    if not settings.tls:
        return []
    certificate, key = settings.certificate, settings.certificate_key
    names = [
        "DOORWARD_TLS_CERTIFICATE_FILE" if settings.tls_certificate_file else "DOORWARD_TLS_DIR",
        "DOORWARD_TLS_KEY_FILE" if settings.tls_key_file else "DOORWARD_TLS_DIR",
    ]
    found = [*_unreadable(names[0], certificate), *_unreadable(names[1], key)]
    return found or list(_problems_of_pair(names, certificate, key, now or datetime.now(UTC)))


def _unreadable(name: str, file: Path) -> Iterator[str]:
    if not file.is_file():
        yield (
            f"{name}: {file} is not there: put it there, or remove the other file of the pair to "
            "use no TLS"
        )
    elif not os.access(file, os.R_OK):
        groups = " ".join(map(str, os.getgroups()))
        yield (
            f"{name}: {file} cannot be read by user {os.geteuid()} with groups {groups}: under "
            "Compose, chgrp 10004 and chmod 640 it, and let everybody enter its folder"
        )


def _problems_of_pair(
    names: list[str], certificate_file: Path, key_file: Path, now: datetime
) -> Iterator[str]:
    try:
        certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
    except ValueError:
        yield (
            f"{names[0]}: {certificate_file} holds no certificate in PEM form: put the "
            "certificate and its chain there"
        )
        return
    if certificate.not_valid_after_utc <= now:
        ended = f"{certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
        yield f"{names[0]}: {certificate_file} has expired (at {ended}): renew it"
    try:
        key = load_pem_private_key(key_file.read_bytes(), None)
    except TypeError:
        yield (
            f"{names[1]}: {key_file} is encrypted, and nobody can type its passphrase. Decrypt it: "
            f"openssl pkey -in {key_file} -out another file"
        )
    except ValueError:
        yield (
            f"{names[1]}: {key_file} holds no private key in PEM form: put the certificate's key "
            "there"
        )
    else:
        if key.public_key().public_bytes(*_PUBLIC) != certificate.public_key().public_bytes(
            *_PUBLIC
        ):
            yield (
                f"{names[1]}: {key_file} does not belong to {certificate_file}: use a certificate "
                "and its own key"
            )
