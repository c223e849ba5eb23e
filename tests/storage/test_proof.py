"""Proof material: images, PDFs, and what pretends to be one."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin
from pypdf import PdfReader, PdfWriter
from pypdf.generic import (
    ArrayObject,
    DecodedStreamObject,
    DictionaryObject,
    NameObject,
    NumberObject,
    PdfObject,
    TextStringObject,
)

from dingkao.storage.proof import CheckedProof, ProofLimits, check_proof
from dingkao.storage.refusals import FileRefused

SECRET = b"GPS-30.65N-104.06E"


def scan(width: int = 620, height: int = 877, mode: str = "RGB") -> Image.Image:
    return Image.effect_noise((width, height), 30).convert(mode)


def written(image: Image.Image, kind: str, **options: object) -> bytes:
    output = BytesIO()
    image.save(output, kind, **options)
    return output.getvalue()


def pdf(pages: int = 1, catalog: Mapping[str, PdfObject] | None = None, annotation: PdfObject | None = None) -> bytes:
    writer = PdfWriter()
    for _ in range(pages):
        page = writer.add_blank_page(595, 842)
        content = DecodedStreamObject()
        content.set_data(b"0 0 m 100 100 l S")
        page[NameObject("/Contents")] = writer._add_object(content)
        if annotation is not None:
            page[NameObject("/Annots")] = ArrayObject([writer._add_object(annotation)])
    for key, value in (catalog or {}).items():
        writer.root_object[NameObject(key)] = writer._add_object(value)
    output = BytesIO()
    writer.write(output)
    return output.getvalue()


def names(**entries: str) -> DictionaryObject:
    return DictionaryObject({NameObject(f"/{key}"): NameObject(f"/{value}") for key, value in entries.items()})


def raw_pdf(*objects: bytes) -> bytes:
    """A PDF of hand-written objects, number 1 the catalog."""
    output = bytearray(b"%PDF-1.7\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(output))
        output += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(output)
    output += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    output += b"".join(b"%010d 00000 n \n" % place for place in places)
    output += b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, table)
    return bytes(output)


CATALOG = b"<</Type/Catalog/Pages 2 0 R>>"
ONE_PAGE = b"<</Type/Pages/Count 1/Kids[3 0 R]>>"
PAGE = b"<</Type/Page/MediaBox[0 0 10 10]/Parent 2 0 R>>"


def refusal(data: bytes, limits: ProofLimits | None = None) -> list[str]:
    with pytest.raises(FileRefused) as caught:
        check_proof(data, limits)
    assert all(problem.zh.endswith("。") and problem.en.endswith(".") for problem in caught.value.problems)
    return [problem.code for problem in caught.value.problems]


def decoded(proof: CheckedProof) -> Image.Image:
    image = Image.open(BytesIO(proof.data))
    image.load()
    assert image.size == (proof.width, proof.height)
    assert proof.pages is None
    return image


def test_a_jpeg_is_turned_upright_and_loses_its_metadata() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = SECRET.decode()
    data = written(scan(), "JPEG", exif=exif, comment=SECRET)
    proof = check_proof(data)
    assert (proof.media_type, proof.width, proof.height) == ("image/jpeg", 877, 620)
    assert SECRET not in proof.data
    assert not decoded(proof).getexif()


def test_a_png_loses_its_metadata_and_what_hides_behind_transparency() -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", SECRET.decode())
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()
    image = scan(mode="RGBA")
    image.putalpha(0)
    proof = check_proof(written(image, "PNG", pnginfo=text, exif=exif) + SECRET)
    assert proof.media_type == "image/png"
    assert SECRET not in proof.data
    assert decoded(proof).getextrema() == ((255, 255), (255, 255), (255, 255))
    assert decoded(proof).info == {}


@pytest.mark.parametrize(("mode", "kept"), [("1", "L"), ("L", "L"), ("LA", "RGB"), ("P", "RGB"), ("I;16", "L")])
def test_every_kind_of_png_becomes_a_plain_one(mode: str, kept: str) -> None:
    if mode == "I;16":
        image = Image.frombytes("I;16", (300, 300), b"\x00\x80" * 90_000)  # half bright in 16 bits
    else:
        image = scan(300, 300, "L").convert(mode)
    proof = decoded(check_proof(written(image, "PNG")))
    assert proof.mode == kept
    if mode == "I;16":
        assert proof.getextrema() == (128, 128)


def test_an_animation_is_kept_as_its_first_picture() -> None:
    data = written(scan(300, 300), "PNG", save_all=True, append_images=[scan(300, 300)])
    assert b"acTL" in data
    proof = check_proof(data)
    assert b"acTL" not in proof.data
    assert getattr(decoded(proof), "n_frames", 1) == 1


def test_the_bounds_of_an_image() -> None:
    assert refusal(written(scan(199, 400), "PNG")) == ["image_too_few_pixels"]
    assert refusal(written(scan(300, 300), "PNG"), ProofLimits(most_pixels=89_999)) == ["image_too_many_pixels"]
    assert refusal(written(scan(100, 900), "JPEG"), ProofLimits(most_pixels=80_000)) == [
        *("image_too_many_pixels", "image_too_few_pixels")
    ]
    assert refusal(written(scan(), "JPEG"), ProofLimits(most_bytes=1000)) == ["file_too_large"]
    proof = check_proof(written(scan(900, 450), "JPEG"), ProofLimits(longest_side=600))
    assert (proof.width, proof.height) == (600, 300)


def test_a_png_bomb_is_refused_from_its_header() -> None:
    header = b"IHDR" + (50_000).to_bytes(4) * 2 + b"\x08\x02\x00\x00\x00"
    chunks = [header, b"IDAT" + zlib.compress(bytes(10_000_000)), b"IEND"]
    data = b"\x89PNG\r\n\x1a\n"
    for chunk in chunks:
        data += (len(chunk) - 4).to_bytes(4) + chunk + zlib.crc32(chunk).to_bytes(4)
    assert refusal(data) == ["image_too_many_pixels"]


def test_a_png_that_grows_when_it_is_encoded_anew_is_kept_as_jpeg() -> None:
    palette = scan(500, 500, "L").convert("P", palette=Image.Palette.ADAPTIVE, colors=4)
    palette.putpalette([10, 200, 30, 200, 10, 30, 90, 90, 200, 250, 240, 10])
    data = written(palette, "PNG", optimize=True)
    proof = check_proof(data, ProofLimits(most_bytes=len(data)))
    assert (proof.media_type, decoded(proof).format) == ("image/jpeg", "JPEG")
    assert len(proof.data) <= len(data)


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 0.99), st.sampled_from(["JPEG", "PNG", "PDF"]))
def test_a_proof_cut_off_is_refused(part: float, kind: str) -> None:
    data = pdf(3) if kind == "PDF" else written(scan(240, 240), kind)
    assert refusal(data[: int(len(data) * part)]) in (["file_unreadable"], ["proof_type"], ["file_empty"])


@pytest.mark.parametrize(
    "data",
    [
        b"GIF89a" + bytes(200),
        b"RIFF\x00\x00\x00\x00WEBPVP8 ",
        b"\x00\x00\x00\x18ftypheic" + bytes(200),
        b"II*\x00" + bytes(200),
        b"PK\x03\x04" + bytes(200),
        b"<html><script>alert(1)</script>",
        b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>",
        b"MZ" + bytes(200),
        b"\n%PDF-1.7\n%%EOF",
        b"\xff\xd8",
    ],
)
def test_anything_else_is_refused_by_its_content(data: bytes) -> None:
    assert refusal(data) == ["proof_type"]


def test_a_pdf_is_counted_and_kept_byte_for_byte() -> None:
    data = pdf(3)
    proof = check_proof(data)
    assert proof == CheckedProof("application/pdf", data, pages=3)
    assert len(PdfReader(BytesIO(proof.data)).pages) == 3
    assert refusal(pdf(3), ProofLimits(most_pages=2)) == ["pdf_too_many_pages"]


def test_a_pdf_of_another_tool_is_accepted() -> None:
    """Pillow writes scans as PDF; typst writes what a doctor prints from an office program, with object streams."""
    import typst

    assert check_proof(written(scan(), "PDF")).pages == 1
    printed = typst.compile(b'= Proof\n#link("https://example.org")[link]\n#pagebreak()\n= Second')
    assert isinstance(printed, bytes)
    assert check_proof(printed).pages == 2


@pytest.mark.parametrize("password", ["", "secret"])
def test_an_encrypted_pdf_is_refused(password: str) -> None:
    writer = PdfWriter(clone_from=BytesIO(pdf(1)))
    writer.encrypt(password, "owner", algorithm="AES-256")
    output = BytesIO()
    writer.write(output)
    assert refusal(output.getvalue()) == ["pdf_encrypted"]


JAVASCRIPT = DictionaryObject(
    {NameObject("/S"): NameObject("/JavaScript"), NameObject("/JS"): TextStringObject("app.alert(1)")}
)


@pytest.mark.parametrize(
    "catalog",
    [
        {"/OpenAction": JAVASCRIPT},
        {"/OpenAction": names(S="Launch", F="x")},
        {"/OpenAction": names(S="URI")},
        {"/OpenAction": DictionaryObject({**names(S="GoTo"), NameObject("/Next"): JAVASCRIPT})},
        {"/AA": names()},
        {"/Names": DictionaryObject({NameObject("/EmbeddedFiles"): names()})},
        {"/Names": DictionaryObject({NameObject("/JavaScript"): names()})},
        {"/AcroForm": DictionaryObject({NameObject("/XFA"): TextStringObject("<xdp/>")})},
        {"/AF": ArrayObject([DictionaryObject({NameObject("/EF"): names()})])},
    ],
)
def test_a_pdf_that_acts_is_refused(catalog: dict[str, dict[str, PdfObject]]) -> None:
    values = {key: value if isinstance(value, PdfObject) else DictionaryObject(value) for key, value in catalog.items()}
    assert refusal(pdf(1, values)) == ["pdf_active"]


@pytest.mark.parametrize("kind", ["FileAttachment", "RichMedia", "Movie", "Sound", "Screen", "3D"])
def test_a_pdf_with_a_live_annotation_is_refused(kind: str) -> None:
    assert refusal(pdf(1, annotation=names(Type="Annot", Subtype=kind))) == ["pdf_active"]


@pytest.mark.parametrize("action", ["SubmitForm", "ImportData", "GoToE", "GoToR", "Rendition"])
def test_a_pdf_with_a_link_that_does_more_than_link_is_refused(action: str) -> None:
    link = DictionaryObject({**names(Type="Annot", Subtype="Link"), NameObject("/A"): names(S=action)})
    assert refusal(pdf(1, annotation=link)) == ["pdf_active"]


def test_a_name_written_in_another_way_or_far_away_is_found() -> None:
    hidden = b"<</Type/Catalog/Pages 2 0 R/OpenAction 4 0 R>>"
    assert refusal(raw_pdf(hidden, ONE_PAGE, PAGE, b"<</S 5 0 R/J#53(app.alert(1))>>", b"/Java#53cript")) == [
        "pdf_active"
    ]
    assert refusal(raw_pdf(hidden, ONE_PAGE, PAGE, b"<</S 5 0 R>>", b"/Laun#63h")) == ["pdf_active"]
    unreachable = raw_pdf(CATALOG, ONE_PAGE, PAGE, b"<</S/JavaScript/JS(app.alert(1))>>")
    assert refusal(unreachable) == ["pdf_active"]


def test_opening_at_a_page_is_harmless() -> None:
    at_page = ArrayObject([NumberObject(0), NameObject("/Fit")])
    assert check_proof(pdf(2, {"/OpenAction": at_page})).pages == 2
    assert check_proof(pdf(2, {"/OpenAction": names(S="GoTo", D="first")})).pages == 2


def page_tree_bomb() -> bytes:
    levels = [b"<</Type/Pages/Count 9/Kids[" + b"%d 0 R " % (level + 3) * 10 + b"]>>" for level in range(12)]
    return raw_pdf(CATALOG, *levels, PAGE)


def stream(data: bytes) -> bytes:
    packed = zlib.compress(data, 9)
    return b"<</Filter/FlateDecode/Length %d>>stream\n%s\nendstream" % (len(packed), packed)


def contents_bomb(streams: int, size: int) -> bytes:
    references = b" ".join(b"%d 0 R" % (4 + number) for number in range(streams))
    page = b"<</Type/Page/MediaBox[0 0 10 10]/Parent 2 0 R/Contents[%s]>>" % references
    return raw_pdf(CATALOG, ONE_PAGE, page, *[stream(bytes(size))] * streams)


@pytest.mark.parametrize(
    "data",
    [
        raw_pdf(CATALOG, b"<</Type/Pages/Count 0/Kids[]>>"),
        raw_pdf(CATALOG, b"<</Type/Pages/Count 1/Kids[2 0 R]>>"),
        raw_pdf(CATALOG, ONE_PAGE, b"<</Type/Page/MediaBox[0 0 0 10]/Parent 2 0 R>>"),
        raw_pdf(CATALOG, ONE_PAGE, b"<</Type/Page/MediaBox[0 0 9 9]/Parent 2 0 R/Contents 4 0 R>>", b"(text)"),
        raw_pdf(b"<</Type/Catalog/Pages 2 0 R/X " + b"[" * 5000 + b"]" * 5000 + b">>", ONE_PAGE, PAGE),
        page_tree_bomb(),
        contents_bomb(1, 40_000_000),
        contents_bomb(4, 20_000_000),
        b"%PDF-1.7\n" + b"1 0 obj\n" * 10_000 + b"%%EOF",
        b"%PDF-1.7\n%%EOF",
    ],
    ids=["no page", "cycle", "no size", "no stream", "deep", "page tree", "one stream", "streams", "junk", "empty"],
)
def test_a_pdf_that_is_broken_or_a_bomb_is_unreadable(data: bytes) -> None:
    assert refusal(data) == ["file_unreadable"]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_pdf_is_refused_or_readable(data: st.DataObject) -> None:
    damaged = bytearray(pdf(2))
    for place in data.draw(st.lists(st.integers(5, len(damaged) - 1), min_size=1, max_size=8)):
        damaged[place] = data.draw(st.integers(0, 255))
    try:
        proof = check_proof(bytes(damaged))
    except FileRefused as refused:
        assert refused.problems  # noqa: PT017 - either outcome is right
    else:
        assert proof.pages
        assert proof.data == damaged


def test_a_checked_proof_does_not_print_its_content() -> None:
    assert len(repr(check_proof(pdf(1)))) < 200
