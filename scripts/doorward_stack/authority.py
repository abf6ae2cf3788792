"""An authority that issues certificates for this machine's own names (RFC 5280).

People are asked to trust it, so its certificates are good for web servers alone, and not for long.
That is more than trustme promises, whose authorities last until 2038 and may sign code.
"""

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# Well within the longest that browsers accept from an authority (397 days).
VALID_DAYS = 365
CLOCKS_DIFFER = timedelta(hours=1)
CRITICAL = (x509.BasicConstraints, x509.KeyUsage)
NO_USAGE = {
    "digital_signature": False,
    "content_commitment": False,
    "key_encipherment": False,
    "data_encipherment": False,
    "key_agreement": False,
    "key_cert_sign": False,
    "crl_sign": False,
    "encipher_only": False,
    "decipher_only": False,
}


class Authority:
    """A fresh authority; its key is nowhere but in this object."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        self.certificate = self._sign(
            self._name,
            self._key,
            VALID_DAYS,
            x509.BasicConstraints(ca=True, path_length=0),
            x509.KeyUsage(**NO_USAGE | {"key_cert_sign": True, "crl_sign": True}),
        )
        """The authority's own certificate, as PEM."""

    def issue(self, hosts: Sequence[str], days: int = VALID_DAYS) -> tuple[bytes, bytes]:
        """Return a certificate for host names and addresses, and its key, as PEM.

        It ends in so many days; with a negative number it has ended.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(
            _name(hosts[0]),
            key,
            days,
            x509.BasicConstraints(ca=False, path_length=None),
            x509.SubjectAlternativeName([_host(host) for host in hosts]),
            x509.KeyUsage(**NO_USAGE | {"digital_signature": True}),
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
        )
        key_text = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return certificate, key_text

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        days: int,
        *extensions: x509.ExtensionType,
    ) -> bytes:
        end = datetime.now(UTC) + timedelta(days=days)
        builder = (
            x509.CertificateBuilder(subject_name=subject, issuer_name=self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(end - timedelta(days=abs(days)) - CLOCKS_DIFFER)
            .not_valid_after(end)
        )
        identifiers = (
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
        )
        for extension in (*identifiers, *extensions):
            builder = builder.add_extension(extension, critical=isinstance(extension, CRITICAL))
        certificate = builder.sign(self._key, hashes.SHA256())
        return certificate.public_bytes(serialization.Encoding.PEM)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
