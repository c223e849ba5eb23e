"""Pictures of questions in the schema: of an attempt for its doctor, of the bank for its people."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypeAlias

import strawberry

from dingkao.context import CoreContext, CoreInfo
from dingkao.papers.pictures import SHARED_STEM, STEM, QuestionPicture
from dingkao.papers.vocabulary import PicturePlace
from dingkao.plugin.enums import described_enum
from dingkao.plugin.ids import encode_id
from dingkao.storage.signed_links import link_to, sign_link

described_enum(
    PicturePlace,
    "Where a picture of a question stands, below the text that is there. 图片位置",
    {
        PicturePlace.STEM: "At the question itself. 题干",
        PicturePlace.SHARED_STEM: "At the case of its group (A3, A4). 共用题干",
        PicturePlace.OPTION: "At the option that optionKey names. 选项",
    },
)
PicturePlaceEnum: TypeAlias = PicturePlace

KIND = "QuestionPicture"


@strawberry.type(description="A picture of a question: a JPEG or a PNG. 试题图片")
class QuestionImage:
    place: PicturePlaceEnum = strawberry.field(description="Where it stands. 位置")
    option_key: str | None = strawberry.field(description="Of which option. 选项代号")
    alternative_text: str = strawberry.field(
        description="What it shows, in words; empty where nobody wrote it. 文字说明"
    )
    media_type: str = strawberry.field(description="image/jpeg or image/png. 图片类型")
    width: int = strawberry.field(description="Pixels. 宽度")
    height: int = strawberry.field(description="Pixels. 高度")
    url: str | None = strawberry.field(
        description="Where an <img> gets it, without a header: a path of this server, signed for the asking account. "
        "Of an attempt it opens until the attempt closes, in the bank for some minutes; then ask again. Null where the "
        "session is over. 地址"
    )


def show_frozen(
    context: CoreContext, pictures: Iterable[Mapping[str, Any]], closes_at: datetime | None
) -> list[QuestionImage]:
    """The pictures of a question of the asking doctor's attempt, as they were frozen into it, with links that open as
    long as the attempt may run."""
    return [
        _show(
            picture["place"], picture["text"], picture["type"], picture["width"], picture["height"],
            _link(context, picture["picture"], closes_at),
        )
        for picture in pictures
    ]  # fmt: skip


def show_banked(info: CoreInfo, pictures: Iterable[QuestionPicture]) -> list[QuestionImage]:
    """The pictures of a question of the bank, which the asking account sees."""
    return [
        _show(
            picture.place, picture.alternative_text, picture.file.media_type, picture.file.width, picture.file.height,
            _link(info.context, picture.file.id, None),
        )
        for picture in pictures
    ]  # fmt: skip


def _show(place: str, words: str, media_type: str, width: int, height: int, url: str | None) -> QuestionImage:
    fixed = {STEM: PicturePlace.STEM, SHARED_STEM: PicturePlace.SHARED_STEM}.get(place)
    return QuestionImage(
        place=fixed or PicturePlace.OPTION,
        option_key=None if fixed else place,
        alternative_text=words,
        media_type=media_type,
        width=width,
        height=height,
        url=url,
    )


def _link(context: CoreContext, picture_id: int, until: datetime | None) -> str | None:
    if context.caller is None:
        return None
    environment, account_id = context.environment, context.caller.account_id
    path = f"/question-pictures/{encode_id(KIND, picture_id)}"
    if until is None:
        return link_to(environment, account_id, KIND, picture_id, path)
    # The same address at each asking: what a client has loaded it keeps.
    return sign_link(environment.keys, path, KIND, picture_id, account_id, until)
