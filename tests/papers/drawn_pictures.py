"""Pictures for tests of questions: drawn, small, of nothing."""

import io
from functools import cache

from PIL import Image as Drawing

from dingkao.papers.pictures import Image, PictureFile, PictureIntake, QuestionPicture


@cache
def png(colour: str = "red", width: int = 16, height: int = 9) -> bytes:
    """A PNG of one colour."""
    return _encoded(Drawing.new("RGB", (width, height), colour), "PNG")


@cache
def jpeg(width: int = 24, height: int = 16) -> bytes:
    """A JPEG that changes each time it is encoded anew, with a comment that says too much."""
    return _encoded(Drawing.effect_noise((width, height), 90), "JPEG", comment=b"SECRET", quality=60)


def taken(place: str, data: bytes, words: str = "") -> QuestionPicture:
    """The picture as the intake takes it."""
    (found,) = PictureIntake().of([Image("x", words, data)], place)
    assert isinstance(found, QuestionPicture)
    return found


def known(*pictures: QuestionPicture) -> dict[str, PictureFile]:
    """What a bank that holds these pictures knows."""
    return {picture.file.digest: picture.file for picture in pictures}


def _encoded(image: Drawing.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()
