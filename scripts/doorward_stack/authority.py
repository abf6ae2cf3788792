"""An authority that issues certificates for this machine's own names."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import trustme

# Well within the longest that browsers accept from an authority (397 days).
VALID_DAYS = 365
_CLOCKS_DIFFER = timedelta(hours=1)


class Authority:
    """A fresh authority; its key is nowhere but in this object."""

    def __init__(self, name: str) -> None:
        self._authority = trustme.CA(
            path_length=0, organization_name="Doorward", organization_unit_name=name
        )

    @property
    def certificate(self) -> bytes:
        """The authority's own certificate, as PEM."""
        return self._authority.cert_pem.bytes()

    def issue(self, hosts: Sequence[str], days: int = VALID_DAYS) -> tuple[bytes, bytes]:
        """Return a certificate for host names and addresses, and its key, as PEM.

        It ends in so many days; with a negative number it has ended.
        """
        end = datetime.now(UTC) + timedelta(days=days)
        issued = self._authority.issue_cert(
            *hosts,
            common_name=hosts[0][:64],
            organization_name="Doorward",
            not_before=end - timedelta(days=abs(days)) - _CLOCKS_DIFFER,
            not_after=end,
            key_type=trustme.KeyType.ECDSA,
        )
        chain = b"".join(pem.bytes() for pem in issued.cert_chain_pems)
        return chain, issued.private_key_pem.bytes()
