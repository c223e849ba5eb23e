"""Opening the file that holds a seal's key."""

from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12

from dingkao.documents.errors import SealUnusable


@dataclass(frozen=True, slots=True)
class SealKey:
    """A PKCS#12 file that opens: its bytes and passphrase, and the certificate inside."""

    content: bytes
    passphrase: bytes
    certificate: x509.Certificate


def open_seal_key(path: Path, passphrase: str) -> SealKey:
    """Read and open the file at `path`. Raises SealUnusable for a missing file, a wrong passphrase, another format, or
    a file without key or certificate."""
    try:
        content = path.read_bytes()
        key, certificate, _ = pkcs12.load_key_and_certificates(content, passphrase.encode())
    except OSError as error:
        raise SealUnusable(f"无法读取密钥文件 {path.name}") from error
    except ValueError as error:
        raise SealUnusable(f"密钥文件 {path.name} 的口令不正确，或文件不是 PKCS#12 格式") from error
    if key is None or certificate is None:
        raise SealUnusable(f"密钥文件 {path.name} 中没有私钥或证书")
    return SealKey(content, passphrase.encode(), certificate)
