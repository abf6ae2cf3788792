"""Certificates for trying TLS are no longer good than browsers and the CA/Browser Forum allow."""

from datetime import timedelta

from cryptography import x509

from scripts.doorward_stack.authority import Authority


def test_neither_certificate_nor_authority_is_good_for_more_than_366_days() -> None:
    authority = Authority("Doorward, for trying it")
    certificate, _ = authority.issue(["localhost"])
    for text in (certificate, authority.certificate):
        made = x509.load_pem_x509_certificate(text)
        assert made.not_valid_after_utc - made.not_valid_before_utc <= timedelta(days=366)
