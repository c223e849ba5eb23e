"""The doctor's photo: what is refused, what is advised, and what is left of it when it is kept."""

from __future__ import annotations

import struct
import time
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageDraw

from dingkao.storage.photo import CheckedPhoto, PhotoProfile, PhotoRefused, check_photo
from dingkao.storage.refusals import FileRefused

SECRET = b"GPS-30.65N-104.06E"


def portrait(width: int = 295, height: int = 413, background: str = "white", mode: str = "RGB") -> Image.Image:
    """A head and shoulders with some grain, so that the file has an honest size."""
    image = Image.effect_noise((width, height), 25).convert("RGB")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, width, height * 0.62), fill=background)
    draw.ellipse((width * 0.3, height * 0.15, width * 0.7, height * 0.6), fill="#d9a988")
    return image.convert(mode)


def jpeg(image: Image.Image, **options: object) -> bytes:
    output = BytesIO()
    image.save(output, "JPEG", **{"quality": 90, **options})
    return output.getvalue()


def refusal(data: bytes, profile: PhotoProfile | None = None) -> list[str]:
    with pytest.raises(PhotoRefused) as caught:
        check_photo(data, profile)
    assert all(problem.zh.endswith("。") and problem.en.endswith(".") for problem in caught.value.problems)
    return [problem.code for problem in caught.value.problems]


def advice(photo: CheckedPhoto) -> list[str]:
    return [remark.code for remark in photo.advice]


def decoded(photo: CheckedPhoto) -> Image.Image:
    image = Image.open(BytesIO(photo.data))
    image.load()
    assert image.format == "JPEG"
    assert image.size == (photo.width, photo.height)
    return image


def test_a_standard_photo_is_accepted_without_advice() -> None:
    photo = check_photo(jpeg(portrait()))
    assert (photo.width, photo.height, photo.media_type, photo.advice) == (295, 413, "image/jpeg", ())
    assert decoded(photo).mode == "RGB"


def test_the_content_counts_and_not_the_name() -> None:
    png = BytesIO()
    portrait().save(png, "PNG")
    assert refusal(png.getvalue()) == ["photo_not_jpeg"]
    assert refusal(b"GIF89a" + bytes(5000)) == ["photo_not_jpeg"]
    assert refusal(b"<svg onload=alert(1)>" + b" " * 5000) == ["photo_not_jpeg"]
    assert refusal(b"") == ["file_empty"]


def test_no_metadata_is_kept() -> None:
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()
    data = jpeg(portrait(), exif=exif, comment=SECRET, xmp=SECRET, progressive=True)
    data = data[:2] + b"\xff\xed" + struct.pack(">H", 2 + len(SECRET)) + SECRET + data[2:] + SECRET
    assert data.count(SECRET) == 5
    photo = check_photo(data)
    assert SECRET not in photo.data
    image = decoded(photo)
    assert not image.getexif()
    assert {"exif", "comment", "xmp", "icc_profile"}.isdisjoint(image.info)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_is_applied_before_anything_is_judged(orientation: int) -> None:
    upright = portrait()
    ImageDraw.Draw(upright).rectangle((0, 300, 60, 412), fill="red")  # a mark at the lower left
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = check_photo(jpeg(stored, exif=exif))
    assert (photo.width, photo.height) == (295, 413)
    red, green, blue = decoded(photo).crop((30, 360, 31, 361)).tobytes()
    assert red > 200
    assert green < 60
    assert blue < 60


@pytest.mark.parametrize(
    "exif",
    [
        b"",
        b"Exif\x00\x00",
        b"Exif\x00\x00II*\x00\xff\xff\xff\xff",
        b"Exif\x00\x00II*\x00\x08\x00\x00\x00\xff\xff",
        b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x63\x00\x00",
        b"Exif\x00\x00XX*\x00\x08\x00\x00\x00\x01\x00",
    ],
)
def test_a_broken_exif_segment_turns_nothing(exif: bytes) -> None:
    data = jpeg(portrait())
    data = data[:2] + b"\xff\xe1" + struct.pack(">H", 2 + len(exif)) + exif + data[2:]
    assert check_photo(data).height == 413


def test_proportions_within_the_tolerance_of_the_profile() -> None:
    assert check_photo(jpeg(portrait(500, 700))).width == 500
    assert check_photo(jpeg(portrait(509, 700))).width == 509
    assert refusal(jpeg(portrait(515, 700))) == ["photo_proportions"]
    assert refusal(jpeg(portrait(413, 295))) == ["photo_proportions"]
    assert check_photo(jpeg(portrait(515, 700)), PhotoProfile(ratio_tolerance=0.05)).width == 515
    assert refusal(jpeg(portrait(509, 700)), PhotoProfile(ratio_tolerance=0.0)) == ["photo_proportions"]
    assert (
        check_photo(jpeg(portrait(350, 490)), PhotoProfile(width_mm=25, height_mm=35, ratio_tolerance=0)).width == 350
    )


def test_all_problems_come_at_once() -> None:
    small_and_square = jpeg(Image.effect_noise((100, 100), 5))
    assert refusal(small_and_square, PhotoProfile(least_bytes=50_000)) == [
        *("file_too_small", "image_too_few_pixels", "photo_proportions")
    ]
    assert refusal(jpeg(portrait(3000, 2000))) == ["image_too_many_pixels", "photo_proportions"]
    assert refusal(jpeg(portrait()), PhotoProfile(most_bytes=5000)) == ["file_too_large"]
    with pytest.raises(FileRefused, match="photo_proportions"):
        check_photo(jpeg(portrait(413, 295)))


def header_only(width: int, height: int) -> bytes:
    """A JPEG whose header promises width × height, with the picture of a small one."""
    data = bytearray(jpeg(portrait()))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


@pytest.mark.parametrize(("width", "height"), [(65_500, 65_500), (46_786, 65_500), (2501, 3501), (10, 65_535)])
def test_a_decompression_bomb_is_refused_from_its_header(width: int, height: int) -> None:
    before = time.perf_counter()
    assert "image_too_many_pixels" in refusal(header_only(width, height))
    assert time.perf_counter() - before < 0.05


def test_a_header_without_a_size_or_with_two_is_unreadable() -> None:
    assert refusal(header_only(0, 0)) == ["file_unreadable"]
    data = jpeg(portrait())
    frame = data.index(b"\xff\xc0")
    assert refusal(data[:frame] + data[frame : frame + 19] + data[frame:]) == ["file_unreadable"]


def test_a_progressive_picture_of_endless_scans_is_refused() -> None:
    data = jpeg(portrait(), progressive=True)
    last = data.rindex(b"\xff\xda")
    assert refusal(data[:last] + data[last:-2] * 200 + b"\xff\xd9") == ["file_unreadable"]


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 0.98), st.booleans())
def test_a_photo_cut_off_is_refused(part: float, progressive: bool) -> None:
    data = jpeg(portrait(), progressive=progressive)
    cut = data[: int(len(data) * part)]
    assert refusal(cut, PhotoProfile(least_bytes=0)) in (["file_unreadable"], ["photo_not_jpeg"], ["file_empty"])


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_photo_is_refused_or_comes_out_clean(data: st.DataObject) -> None:
    damaged = bytearray(jpeg(portrait(), exif=Image.Exif().tobytes()))
    for place in data.draw(st.lists(st.integers(2, 1200), min_size=1, max_size=6)):
        damaged[place] = data.draw(st.integers(0, 255))
    try:
        photo = check_photo(bytes(damaged), PhotoProfile(ratio_tolerance=10, least_width=1, least_height=1))
    except PhotoRefused as refused:
        assert refused.problems  # noqa: PT017 - either outcome is right
    else:
        decoded(photo)


def test_cmyk_and_greyscale_are_kept_in_colours_every_reader_knows() -> None:
    cmyk = check_photo(jpeg(portrait(mode="CMYK")))
    assert decoded(cmyk).mode == "RGB"
    assert min(decoded(cmyk).crop((5, 5, 6, 6)).tobytes()) > 240
    grey = check_photo(jpeg(portrait(mode="L")))
    assert decoded(grey).mode == "L"
    assert advice(grey) == ["photo_greyscale"]


def test_a_colour_profile_is_applied_before_it_is_dropped() -> None:
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for name, other in ((b"rXYZ", b"tmpX"), (b"bXYZ", b"rXYZ"), (b"tmpX", b"bXYZ")):  # red and blue change places
        place = profile.index(name, 128, 600)
        profile[place : place + 4] = other
    photo = check_photo(jpeg(portrait(background="#ff2020"), icc_profile=bytes(profile)))
    red, _, blue = decoded(photo).crop((5, 5, 6, 6)).tobytes()
    assert blue > 200 > 100 > red
    assert "icc_profile" not in decoded(photo).info
    broken = jpeg(portrait(), icc_profile=b"no profile at all")
    assert check_photo(broken).advice == ()


@pytest.mark.parametrize("background", ["#438edb", "#d00000", "#707070", "#000000", "#ffd8b0"])
def test_another_background_is_advised_against_and_accepted(background: str) -> None:
    assert advice(check_photo(jpeg(portrait(background=background)))) == ["photo_background_not_white"]


@pytest.mark.parametrize("background", ["#ffffff", "#f2f2f2", "#e8ebee", "#fffdf5"])
def test_a_nearly_white_background_is_white(background: str) -> None:
    assert advice(check_photo(jpeg(portrait(background=background)))) == []


def test_a_low_resolution_is_advised_against_and_accepted() -> None:
    photo = check_photo(jpeg(portrait(210, 294)))
    assert advice(photo) == ["photo_low_resolution"]
    assert "295×413" in photo.advice[0].zh


def test_what_is_kept_stays_within_the_bytes_of_the_profile() -> None:
    grainy = jpeg(Image.merge("RGB", [Image.effect_noise((500, 700), 90)] * 3), quality=40)
    profile = PhotoProfile(most_bytes=len(grainy) + 10)
    photo = check_photo(grainy, profile)
    assert len(photo.data) <= profile.most_bytes
    image = decoded(photo)
    assert abs(image.width / image.height - 5 / 7) < 0.01


@pytest.mark.parametrize("size", [(200, 280), (600, 840), (1500, 2100)])
def test_even_pure_noise_is_encoded(size: tuple[int, int]) -> None:
    noise = Image.merge("RGB", [Image.effect_noise(size, 200) for _ in range(3)])
    photo = check_photo(jpeg(noise, quality=30), PhotoProfile(most_bytes=8 * 1024 * 1024))
    assert (photo.width, photo.height) == size


def test_a_checked_photo_does_not_print_its_picture() -> None:
    assert len(repr(check_photo(jpeg(portrait())))) < 200
