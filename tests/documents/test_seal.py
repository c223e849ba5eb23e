"""A sealed certificate is in force, signed as a whole, and any change of it shows."""

import io
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto.x509 import Certificate as Asn1Certificate  # type: ignore[import-untyped]
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12
from cryptography.x509.oid import NameOID
from PIL import Image
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import SignatureCoverageLevel, async_validate_pdf_signature
from pyhanko.sign.validation.status import PdfSignatureStatus
from pyhanko_certvalidator import ValidationContext

from dingkao.documents.certificate import UNSEALED_LINE, CertificateContent, render_certificate, seal_certificate
from dingkao.documents.demo_seal import DEMO_SEAL_MARK, create_demo_seal_key
from dingkao.documents.errors import MissingGlyph, SealUnusable
from dingkao.documents.fonts import load_fonts
from dingkao.documents.pades_seal import PadesSealProvider, draw_seal
from dingkao.documents.seal import CERTIFICATE_SEAL_BOX, SealProvider

from .conftest import CHECK_URL, PASSPHRASE, SEALED_AT, middle_of

TextOf = Callable[[bytes], str]
PictureOf = Callable[[bytes], Image.Image]
DemoKey = tuple[Path, x509.Certificate]


async def _check(pdf: bytes, trusted: x509.Certificate) -> PdfSignatureStatus:
    root = Asn1Certificate.load(trusted.public_bytes(Encoding.DER))
    context = ValidationContext(trust_roots=[root], allow_fetching=False, moment=SEALED_AT)
    (signature,) = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
    return await async_validate_pdf_signature(signature, context)


async def test_the_seal_is_intact_valid_trusted_and_covers_the_whole_file(
    certificate: CertificateContent, demo_key: DemoKey
) -> None:
    path, trusted = demo_key
    provider: SealProvider = PadesSealProvider(path, PASSPHRASE)
    sealed = await seal_certificate(certificate, provider, at=SEALED_AT)

    status = await _check(sealed.pdf, trusted)
    assert status.intact
    assert status.valid
    assert status.trusted
    assert status.bottom_line
    assert status.coverage == SignatureCoverageLevel.ENTIRE_FILE
    assert status.signer_reported_dt == SEALED_AT
    assert sealed.certificate_subject.startswith("CN=蓉城市卫生健康委员会,OU=演示用章")
    assert sealed.algorithm == "PAdES sha256_ecdsa"

    (signature,) = PdfFileReader(io.BytesIO(sealed.pdf)).embedded_signatures
    assert signature.sig_object["/SubFilter"] == "/ETSI.CAdES.detached"
    assert signature.sig_object["/Name"] == "蓉城市卫生健康委员会"
    assert "ZS-510100-2026-000123-G" in signature.sig_object["/Reason"]


@pytest.mark.parametrize("place", ["comment of the header", "photo", "text of the page"])
async def test_one_changed_byte_shows(
    certificate: CertificateContent, demo_key: DemoKey, photo: bytes, place: str
) -> None:
    path, trusted = demo_key
    sealed = await seal_certificate(certificate, PadesSealProvider(path, PASSPHRASE), at=SEALED_AT)
    position = {
        "comment of the header": 12,
        "photo": sealed.pdf.index(photo) + len(photo) // 2,
        "text of the page": sealed.pdf.index(b"stream") + 40,
    }[place]
    changed = bytearray(sealed.pdf)
    changed[position] ^= 1
    status = await _check(bytes(changed), trusted)
    assert not status.intact
    assert not status.bottom_line


async def test_another_key_of_the_same_name_is_not_trusted(
    certificate: CertificateContent, demo_key: DemoKey, tmp_path: Path
) -> None:
    _, trusted = demo_key
    create_demo_seal_key(tmp_path / "other.p12", PASSPHRASE, "蓉城市卫生健康委员会", now=SEALED_AT)
    other = PadesSealProvider(tmp_path / "other.p12", PASSPHRASE)
    status = await _check((await seal_certificate(certificate, other, at=SEALED_AT)).pdf, trusted)
    assert status.intact
    assert not status.trusted
    assert not status.bottom_line


async def test_a_sealed_certificate_is_in_force_and_no_longer_says_the_contrary(
    certificate: CertificateContent, demo_key: DemoKey, text_of: TextOf
) -> None:
    sealed = await seal_certificate(certificate, PadesSealProvider(demo_key[0], PASSPHRASE), at=SEALED_AT)
    text = text_of(sealed.pdf)
    # 23:30 in UTC is the next morning in China.
    assert "本证书已由发证机关加盖电子公章，自2026年12月2日起生效。" in text
    assert UNSEALED_LINE not in text
    assert "不生效" not in text
    assert "王䶮𬭎医师" in text
    assert CHECK_URL in text


async def test_the_seal_stands_in_red_on_the_name_of_the_authority(
    certificate: CertificateContent, demo_key: DemoKey, picture_of: PictureOf
) -> None:
    sealed = await seal_certificate(certificate, PadesSealProvider(demo_key[0], PASSPHRASE), at=SEALED_AT)
    sealed_page, unsealed_page = picture_of(sealed.pdf), picture_of(render_certificate(certificate))
    assert _red_in_seal_box(sealed_page) > 5000
    assert _red_in_seal_box(unsealed_page) == 0
    # Where the unsealed page has its words across the middle, the sealed one is white paper.
    assert middle_of(sealed_page).getextrema() == ((255, 255),) * 3


def test_the_picture_names_the_authority_and_says_that_it_is_for_demonstration(text_of: TextOf) -> None:
    text = text_of(draw_seal("蓉城市卫生健康委员会", DEMO_SEAL_MARK, load_fonts(), SEALED_AT))
    assert sorted("".join(text.split())) == sorted("蓉城市卫生健康委员会演示用章")


def test_the_longest_name_is_drawn_in_full(text_of: TextOf) -> None:
    name = "蓉城市高新技术产业开发区社会事业局卫生健康办公室"
    text = text_of(draw_seal(name, DEMO_SEAL_MARK, load_fonts(), SEALED_AT))
    assert sorted("".join(text.split())) == sorted(f"{name}演示用章")


def test_a_name_that_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(MissingGlyph) as refusal:
        draw_seal("\U00031350县卫生健康局", DEMO_SEAL_MARK, load_fonts(), SEALED_AT)
    assert refusal.value.field == "authority_name"


async def test_a_key_of_an_authority_signs_likewise_and_is_no_demonstration(
    certificate: CertificateContent, tmp_path: Path
) -> None:
    path = tmp_path / "own.p12"
    trusted = _write_rsa_key(path, "蓉城市卫生健康委员会")
    provider = PadesSealProvider(path, PASSPHRASE)
    assert not provider.is_demonstration
    sealed = await seal_certificate(certificate, provider, at=SEALED_AT)
    assert sealed.algorithm == "PAdES sha256_rsa"
    assert (await _check(sealed.pdf, trusted)).bottom_line


def test_a_demonstration_key_is_known_as_one_and_readable_by_its_owner_only(demo_key: DemoKey) -> None:
    path, _ = demo_key
    assert PadesSealProvider(path, PASSPHRASE).is_demonstration
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_is_never_overwritten(demo_key: DemoKey) -> None:
    path, _ = demo_key
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        create_demo_seal_key(path, PASSPHRASE, "蓉城市卫生健康委员会")
    assert path.read_bytes() == before


@pytest.mark.parametrize("moment", [datetime(2020, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)])
async def test_a_seal_outside_its_validity_is_refused(
    certificate: CertificateContent, demo_key: DemoKey, moment: datetime
) -> None:
    with pytest.raises(SealUnusable, match="有效期"):
        await seal_certificate(certificate, PadesSealProvider(demo_key[0], PASSPHRASE), at=moment)


async def test_a_time_without_offset_is_refused(certificate: CertificateContent, demo_key: DemoKey) -> None:
    with pytest.raises(ValueError, match="offset"):
        await seal_certificate(
            certificate, PadesSealProvider(demo_key[0], PASSPHRASE), at=SEALED_AT.replace(tzinfo=None)
        )


def test_a_key_that_cannot_be_opened_is_refused_at_once(demo_key: DemoKey, tmp_path: Path) -> None:
    with pytest.raises(SealUnusable, match="口令不正确"):
        PadesSealProvider(demo_key[0], "wrong")
    with pytest.raises(SealUnusable, match="无法读取"):
        PadesSealProvider(tmp_path / "absent.p12", PASSPHRASE)
    (tmp_path / "no.p12").write_bytes(b"no key")
    with pytest.raises(SealUnusable, match="PKCS#12"):
        PadesSealProvider(tmp_path / "no.p12", PASSPHRASE)


def test_a_file_without_a_private_key_is_refused(demo_key: DemoKey, tmp_path: Path) -> None:
    path = tmp_path / "certificate-only.p12"
    path.write_bytes(
        pkcs12.serialize_key_and_certificates(
            None, None, None, [demo_key[1]], BestAvailableEncryption(PASSPHRASE.encode())
        )
    )
    with pytest.raises(SealUnusable, match="没有私钥或证书"):
        PadesSealProvider(path, PASSPHRASE)


def _red_in_seal_box(picture: Image.Image) -> int:
    left, lower, right, upper = (edge * 150 // 72 for edge in CERTIFICATE_SEAL_BOX.in_points())
    box = picture.crop((left, picture.height - upper, right, picture.height - lower))
    colours = box.getcolors(box.width * box.height) or []
    return sum(n for n, pixel in colours if isinstance(pixel, tuple) and pixel[0] > 180 and max(pixel[1:3]) < 60)


def _write_rsa_key(path: Path, subject: str) -> x509.Certificate:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(SEALED_AT - timedelta(days=1))
        .not_valid_after(SEALED_AT + timedelta(days=365))
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
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(
        pkcs12.serialize_key_and_certificates(
            None, key, certificate, None, BestAvailableEncryption(PASSPHRASE.encode())
        )
    )
    return certificate
