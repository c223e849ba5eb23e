"""Making a seal key for demonstrations: anyone can, so whatever it seals says that it is one."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from cryptography.x509.oid import NameOID

# Stands in the certificate's subject as organisational unit, and on the picture of the seal.
DEMO_SEAL_MARK: Final = "演示用章"


def create_demo_seal_key(
    path: Path, passphrase: str, subject: str, *, now: datetime | None = None, years: int = 10
) -> x509.Certificate:
    """Write a new P-256 key with a self-signed certificate to ``path`` (PKCS#12, readable by its owner only).

    ``subject`` is the authority's name (at most 64 characters, a limit of X.520); the certificate is valid from
    ``now`` for ``years``. Gives the certificate, for whoever wants to trust it.
    Raises ``FileExistsError`` when there is a file already: a key is never overwritten.
    """
    start = now or datetime.now(UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, subject),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, DEMO_SEAL_MARK),
            x509.NameAttribute(NameOID.COMMON_NAME, subject),
        ]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - timedelta(minutes=5))
        .not_valid_after(start + timedelta(days=round(365.25 * years)))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                content_commitment=True,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=False,
                crl_sign=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    content = pkcs12.serialize_key_and_certificates(
        subject.encode(), key, certificate, None, BestAvailableEncryption(passphrase.encode())
    )
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    return certificate
