"""The seal provider that comes with the server: a PAdES signature (ETSI EN 319 142) with a red round seal in view.

The key and its certificate come from a PKCS#12 file. A reader checks the signature with any PDF reader that trusts
the certificate's issuer; a changed byte breaks it. This is not the national e-seal of GB/T 38540 (SM2): no Python
library in use here can make that one, and an authority bound to it sets a provider of its own.
"""

import io
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.x509.oid import NameOID
from pyhanko.pdf_utils.content import PdfContent
from pyhanko.pdf_utils.generic import DictionaryObject, pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.layout import BoxConstraints
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, SimpleSigner
from pyhanko.sign.signers.pdf_signer import PdfSigningSession
from pyhanko.stamp import StaticStampStyle

from dingkao.documents.demo_seal import DEMO_SEAL_MARK
from dingkao.documents.errors import SealUnusable
from dingkao.documents.fonts import DocumentFonts, load_fonts
from dingkao.documents.seal import CERTIFICATE_SEAL_BOX, SealBox, SealedDocument
from dingkao.documents.seal_key import open_seal_key
from dingkao.documents.typesetting import in_typesetting_thread, typeset

_SEAL_FIELD: Final = "AuthoritySeal"
_DIGEST: Final = "sha256"


class PadesSealProvider:
    """A ``SealProvider`` that signs with the key in a PKCS#12 file.

    ``key_path`` and ``passphrase`` open it; it holds the key, its certificate and, where an authority has its own CA,
    the chain. ``box`` is where the picture goes. The picture of a key made by ``create_demo_seal_key`` says 演示用章.
    Raises :class:`SealUnusable` at once when the file, the passphrase or what is inside cannot be used.
    """

    def __init__(
        self,
        key_path: Path,
        passphrase: str,
        *,
        box: SealBox = CERTIFICATE_SEAL_BOX,
        fonts: DocumentFonts | None = None,
    ) -> None:
        self._signer, self._certificate = _load_signer(key_path, passphrase)
        self._box = box
        self._fonts = fonts or load_fonts()

    @property
    def is_demonstration(self) -> bool:
        """Whether the key is one that was made for demonstrations and gives a document no force."""
        units = self._certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
        return any(unit.value == DEMO_SEAL_MARK for unit in units)

    async def seal(self, pdf: bytes, *, authority_name: str, reason: str, at: datetime) -> SealedDocument:
        """Seal ``pdf``; see ``SealProvider.seal``. Any change afterwards is forbidden (DocMDP level 1) and shows.

        Raises :class:`SealUnusable` when the certificate is not valid at ``at``, and ``MissingGlyph`` when the
        authority's name cannot be drawn.
        """
        if at.utcoffset() is None:
            raise ValueError("the time of sealing needs its offset")
        if not self._certificate.not_valid_before_utc <= at <= self._certificate.not_valid_after_utc:
            raise SealUnusable(f"公章证书在 {at:%Y-%m-%d} 不在有效期内")
        return await in_typesetting_thread(self._seal, pdf, authority_name, reason, at)

    def _seal(self, pdf: bytes, authority_name: str, reason: str, at: datetime) -> SealedDocument:
        inscription = DEMO_SEAL_MARK if self.is_demonstration else "电子公章"
        picture = draw_seal(authority_name, inscription, self._fonts, at)
        signer = _SignerAtTime(
            at,
            PdfSignatureMetadata(
                field_name=_SEAL_FIELD,
                md_algorithm=_DIGEST,
                name=authority_name,
                reason=reason,
                certify=True,
                docmdp_permissions=MDPPerm.NO_CHANGES,
                subfilter=SigSeedSubFilter.PADES,
            ),
            signer=self._signer,
            stamp_style=StaticStampStyle(border_width=0, background=_PageAsPicture(picture)),
            new_field_spec=SigFieldSpec(_SEAL_FIELD, on_page=0, box=self._box.in_points()),
        )
        sealed = signer.sign_pdf(IncrementalPdfFileWriter(io.BytesIO(pdf)))
        mechanism = self._signer.get_signature_mechanism_for_digest(_DIGEST)
        return SealedDocument(
            pdf=sealed.getvalue(),
            certificate_subject=self._certificate.subject.rfc4514_string(),
            algorithm=f"PAdES {mechanism['algorithm'].native}",
        )


def draw_seal(authority_name: str, inscription: str, fonts: DocumentFonts, at: datetime) -> bytes:
    """The picture of a round seal (42 mm, transparent) as a PDF of one page.

    The authority's name runs along the ring above a five-pointed star; ``inscription`` stands below the star.
    Raises ``MissingGlyph``.
    """
    fonts.require_glyphs({"authority_name": authority_name, "inscription": inscription})
    data = {"authority_name": authority_name, "inscription": inscription}
    # A picture is a part of a page, so it is not a conforming archive document of its own.
    return typeset("seal", data, fonts, at.date(), archivable=False)


def _load_signer(key_path: Path, passphrase: str) -> tuple[SimpleSigner, x509.Certificate]:
    key = open_seal_key(key_path, passphrase)
    signer = SimpleSigner.load_pkcs12_data(key.content, other_certs=(), passphrase=key.passphrase)
    return signer, key.certificate


class _SignerAtTime(PdfSigner):
    """pyHanko's signer, with the time of signing given from outside instead of the host's clock."""

    def __init__(self, at: datetime, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._at = at

    def init_signing_session(self, *args: Any, **kwargs: Any) -> PdfSigningSession:
        session = super().init_signing_session(*args, **kwargs)
        session.system_time = self._at
        return session


class _PageAsPicture(PdfContent):
    """The first page of a PDF in memory as the content of a stamp (pyHanko's own class reads files only)."""

    def __init__(self, pdf: bytes) -> None:
        self._page = PdfFileReader(io.BytesIO(pdf))
        super().__init__()

    def render(self) -> bytes:
        if self.writer is None:
            raise RuntimeError("the picture is drawn before it belongs to a document")
        form = self.writer.import_page_as_xobject(self._page)
        self.resources.xobject["/Picture"] = form
        left, lower, right, upper = form.get_object()["/BBox"]
        self.box = BoxConstraints(width=right - left, height=upper - lower)
        # As red ink on paper: black text beneath stays legible.
        ink = DictionaryObject({pdf_name("/BM"): pdf_name("/Multiply")})  # type: ignore[no-untyped-call]
        self.resources.ext_g_state["/Ink"] = ink
        return b"/Ink gs /Picture Do"
