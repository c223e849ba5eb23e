"""Pictures in question files, as others write them; and what of them is refused, by line or item."""

import base64
import io
import zipfile

import pytest
from openpyxl import Workbook
from openpyxl.drawing.image import Image as SheetImage
from PIL import Image as Drawing

from dingkao.papers.formats import QuestionColumns, QuestionFormat, detect, read_file, write_file
from dingkao.papers.pictures import Image, IntakeLimits, PictureIntake
from dingkao.papers.question_groups import check_groups
from dingkao.papers.questions import MOST_PICTURES, Checked, NewQuestion, RawQuestion, check_question
from dingkao.plugin.errors import ValidationFailed

from .drawn_pictures import jpeg, known, png, taken

HEAD = "Question,A,B,Answer\n"
COLUMNS = QuestionColumns("Question", ("A", "B"), "Answer")


def zipped(members: dict[str, bytes | str]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in members.items():
            opened.writestr(name, data)
    return stream.getvalue()


def shown(found: Checked) -> object:
    """Where pictures stand and what they show; or why the question was refused."""
    if isinstance(found, list):
        return [(entry.line, entry.column, entry.code) for entry in found]
    return [
        (picture.place, picture.alternative_text, picture.file.width, picture.file.height) for picture in found.pictures
    ]


def read(kind: QuestionFormat, data: bytes) -> list[object]:
    return [shown(found) for found in read_file(kind, data, COLUMNS)]


def refusal(kind: QuestionFormat, data: bytes, intake: PictureIntake | None = None) -> list[str]:
    with pytest.raises(ValidationFailed) as refused:
        list(read_file(kind, data, COLUMNS, intake))
    return [problem.code for problem in refused.value.problems]


def test_a_table_and_its_pictures_in_one_zip() -> None:
    text = (
        HEAD + "看图![心电图](pictures/ecg.png)回答,甲 ![](pictures/图 (1).jpg),![乙](乙.png),A\n"
        "网上的![x](https://example.org/x.png),甲,乙,A\n没有的![x](none.png),甲,乙,A\n画的![x](a.svg),甲,乙,A\n"
        "n!\\[x](y) 不是图片,甲,乙,A\n"
    )
    data = zipped(
        {
            "bank/questions.csv": text.encode("gb18030"),
            "bank/pictures/ecg.png": png(),
            "bank/pictures/QQ (1).jpg": jpeg(),
            "乙.png": png("blue", 10, 10),
            "bank/a.svg": "<svg/>",
            "__MACOSX/bank/._questions.csv": b"x",
        }
    )
    # As Windows writes a Chinese name: in GB 18030, without saying so.
    data = data.replace(b"QQ (1).jpg", "图 (1).jpg".encode("gb18030"))
    assert detect("x.zip", data) is QuestionFormat.CSV
    found = list(read_file(QuestionFormat.CSV, data, COLUMNS))
    assert [shown(entry) for entry in found] == [
        [("STEM", "心电图", 16, 9), ("A", "", 24, 16), ("B", "乙", 10, 10)],
        [(3, "Question", "PICTURE_REMOTE")],
        [(4, "Question", "PICTURE_MISSING")],
        [(5, "Question", "PICTURE_NOT_TAKEN")],
        [],
    ]
    first, last = found[0], found[-1]
    assert isinstance(first, NewQuestion)
    assert isinstance(last, NewQuestion)
    assert (first.stem, first.options) == ("看图回答", (("A", "甲"), ("B", "")))
    assert last.stem == "n![x](y) 不是图片"
    assert b"SECRET" in jpeg()
    assert b"SECRET" not in first.pictures[1].file.data


def test_gift_with_pictures_in_a_zip_and_a_mark_without_one() -> None:
    text = "图中是 ![](a.png) {=甲![甲](a.png) ~乙}\n\n没有图 ![](b.png) {T}\n"
    data = zipped({"bank.gift": text, "a.png": png()})
    assert detect("x.zip", data) is QuestionFormat.GIFT
    assert read(QuestionFormat.GIFT, data) == [
        [("STEM", "", 16, 9), ("A", "甲", 16, 9)],
        [(3, "stem", "PICTURE_MISSING")],
    ]
    assert read(QuestionFormat.CSV, (HEAD + "图![](a.png),甲,乙,A\n").encode()) == [
        [(2, "Question", "PICTURE_MISSING")]
    ]


def test_a_zip_holds_one_file_of_questions() -> None:
    for members in ({"a.png": png()}, {"a.csv": HEAD, "b.csv": HEAD}):
        assert refusal(QuestionFormat.CSV, zipped(dict(members))) == ["NO_TABLE"]
        with pytest.raises(ValidationFailed):
            detect("x.zip", zipped(dict(members)))


def test_moodle_files_with_pictures_as_others_write_them() -> None:
    def question(text: str, files: str = "", answer: str = "乙") -> str:
        return (
            f'<question type="multichoice"><questiontext format="html"><text><![CDATA[{text}]]></text>{files}'
            f'</questiontext><answer fraction="100" format="html"><text>甲</text></answer><answer fraction="0" '
            f'format="html"><text><![CDATA[{answer}]]></text>{files}</answer></question>'
        )

    named = "@@PLUGINFILE@@/%E5%9B%BE%201.png"
    encoded = base64.encodebytes(png()).decode()
    file = f'<file name="图 1.png" path="/" encoding="base64">{encoded}</file>'
    embedded = f"data:image/png;base64,{base64.b64encode(png('blue', 9, 9)).decode()}"
    text = "".join(
        [
            "<quiz>",
            question(f'<p>看图<img src="{named}" alt="一&quot;二"/>。</p>', file, f'<img src="{named}">'),
            question(f'<img src="{embedded}">看图', "", "乙"),
            question('<img src="https://example.org/a.png">看图'),
            question(f'<img src="{named}">看图'),
            question(f'<img src="{named}">看图', '<file name="图 1.png" encoding="base64">*</file>'),
            question("看<svg/>图"),
            question('听<audio src="@@PLUGINFILE@@/a.mp3"></audio>'),
            "</quiz>",
        ]
    )
    assert read(QuestionFormat.MOODLE, text.encode()) == [
        [("STEM", '一"二', 16, 9), ("B", "", 16, 9)],
        [("STEM", "", 9, 9)],
        [(3, "stem", "PICTURE_REMOTE")],
        [(4, "stem", "PICTURE_MISSING")],
        [(5, "stem", "PICTURE_MISSING")],
        [(6, "", "MEDIA_NOT_TAKEN")],
        [(7, "", "MEDIA_NOT_TAKEN")],
    ]
    markdown = (
        f'<quiz><question type="truefalse"><questiontext format="markdown"><text>对吗 ![图]({named})</text>{file}'
        '</questiontext><answer fraction="100"><text>true</text></answer><answer fraction="0"><text>false</text>'
        "</answer></question></quiz>"
    )
    assert read(QuestionFormat.MOODLE, markdown.encode()) == [[("STEM", "图", 16, 9)]]


def item(number: int, body: str) -> str:
    return (
        f'<assessmentItem identifier="i{number}"><responseDeclaration identifier="R"><correctResponse><value>a</value>'
        f"</correctResponse></responseDeclaration>{body}</assessmentItem>"
    )


CHOICES = (
    '<choiceInteraction responseIdentifier="R"><prompt>问{asked}</prompt><simpleChoice identifier="a">甲{first}'
    '</simpleChoice><simpleChoice identifier="b">乙</simpleChoice></choiceInteraction>'
)


def test_qti_packages_with_pictures_as_others_write_them() -> None:
    bodies = [
        '<itemBody><p>看<img src="../img/a%20b.png" alt="甲"/></p>'
        + CHOICES.format(asked='<object data="../img/a%20b.png" type="image/png">乙</object>', first="")
        + "</itemBody>",
        "<itemBody>" + CHOICES.format(asked="", first='<img src="/img/c.jpg"/>') + "</itemBody>",
        '<assessmentStimulusRef identifier="case" href="../stimuli/s.xml"/><itemBody>'
        + CHOICES.format(asked="", first="")
        + "</itemBody>",
        "<itemBody>" + CHOICES.format(asked='<img src="../../../img/c.jpg"/>', first="") + "</itemBody>",
        "<itemBody>" + CHOICES.format(asked='<img src="none.png"/>', first="") + "</itemBody>",
        "<itemBody>" + CHOICES.format(asked='<img src="//example.org/a.png"/>', first="") + "</itemBody>",
        "<itemBody>" + CHOICES.format(asked='<object data="a.mp3" type="audio/mpeg"/>', first="") + "</itemBody>",
        "<itemBody>" + CHOICES.format(asked="", first="<math/>") + "</itemBody>",
    ]
    resources = "".join(
        f'<resource type="imsqti_item_xmlv2p1" href="items/{number}.xml"/>' for number in range(1, len(bodies) + 1)
    )
    members: dict[str, bytes | str] = {
        "imsmanifest.xml": f"<manifest><resources>{resources}</resources></manifest>",
        "img/a b.png": png(),
        "img/c.jpg": jpeg(),
        "stimuli/s.xml": '<s><stimulusBody><p>病例<img src="../img/a b.png" alt="丙"/></p></stimulusBody></s>',
        **{f"items/{number}.xml": item(number, body) for number, body in enumerate(bodies, 1)},
    }
    found = read(QuestionFormat.QTI_2, zipped(members))
    assert found == [
        [("STEM", "甲", 16, 9), ("STEM", "乙", 16, 9)],
        [("A", "", 24, 16)],
        [("SHARED_STEM", "丙", 16, 9)],
        [("STEM", "", 24, 16)],
        [(5, "stem", "PICTURE_MISSING")],
        [(6, "stem", "PICTURE_REMOTE")],
        [(7, "items/7.xml", "MEDIA_NOT_TAKEN")],
        [(8, "items/8.xml", "MEDIA_NOT_TAKEN")],
    ]
    assert read(QuestionFormat.QTI_2, item(1, bodies[0]).encode()) == [
        [(1, "stem", "PICTURE_MISSING"), (1, "stem", "PICTURE_MISSING")]
    ]


def workbook(*pictures: tuple[str, bytes]) -> bytes:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (
        ["Question", "A", "B", "Answer", "备注"],
        ["问一", "甲", None, "A", "x"],
        ["问二", "甲", "乙", "B", None],
    ):
        sheet.append(row)
    for cell, data in pictures:
        image = SheetImage(io.BytesIO(data))
        image.anchor = cell
        sheet.add_image(image)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def test_pictures_lie_over_the_cells_of_a_workbook() -> None:
    found = read(QuestionFormat.XLSX, workbook(("A2", png()), ("B2", jpeg()), ("C2", png("blue", 9, 9))))
    assert found == [[("STEM", "Picture", 16, 9), ("A", "Picture", 24, 16), ("B", "Picture", 9, 9)], []]


def test_a_picture_beside_the_texts_is_refused_by_its_line() -> None:
    assert read(QuestionFormat.XLSX, workbook(("E2", png()), ("A9", png()))) == [
        [(2, "", "PICTURE_PLACE")],
        [],
        [(9, "", "PICTURE_PLACE")],
    ]
    emf = workbook(("A2", png()))
    with zipfile.ZipFile(io.BytesIO(emf)) as opened:
        members = {name: opened.read(name) for name in opened.namelist()}
    members["xl/media/image1.png"] = b"\x01\x00\x00\x00 EMF"
    assert read(QuestionFormat.XLSX, zipped(dict(members)))[0] == [
        (2, "Question", "PICTURE_NOT_TAKEN"),
        (2, "", "NUMBER_OF_OPTIONS"),
    ]
    external = members["xl/drawings/_rels/drawing1.xml.rels"].replace(
        b'Target="/xl/media/image1.png"', b'Target="https://example.org/a.png" TargetMode="External"'
    )
    assert external != members["xl/drawings/_rels/drawing1.xml.rels"]
    members["xl/drawings/_rels/drawing1.xml.rels"] = external
    assert read(QuestionFormat.XLSX, zipped(dict(members)))[0] == [
        (2, "Question", "PICTURE_REMOTE"),
        (2, "", "NUMBER_OF_OPTIONS"),
    ]


def test_pictures_that_wps_puts_into_cells() -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["Question", "A", "B", "Answer"], ["问", '=DISPIMG("ID_1",1)', '=DISPIMG("ID_2",1)', "A"]):
        sheet.append(row)
    for cell in ("B2", "C2"):
        # WPS keeps the formula's text as what it last showed.
        sheet[cell].data_type = "s"
    stream = io.BytesIO()
    book.save(stream)
    with zipfile.ZipFile(stream) as opened:
        members: dict[str, bytes | str] = {name: opened.read(name) for name in opened.namelist()}
    members["xl/cellimages.xml"] = (
        '<etc:cellImages xmlns:etc="urn:wps" xmlns:xdr="urn:xdr" xmlns:a="urn:a" xmlns:r="http://schemas.'
        'openxmlformats.org/officeDocument/2006/relationships"><etc:cellImage><xdr:pic><xdr:nvPicPr><xdr:cNvPr '
        'id="2" name="ID_1" descr="说明"/></xdr:nvPicPr><xdr:blipFill><a:blip r:embed="rId1"/></xdr:blipFill></xdr:pic>'
        "</etc:cellImage></etc:cellImages>"
    )
    members["xl/_rels/cellimages.xml.rels"] = (
        '<Relationships><Relationship Id="rId1" Type="x/image" Target="media/image1.png"/></Relationships>'
    )
    members["xl/media/image1.png"] = png()
    assert read(QuestionFormat.XLSX, zipped(members)) == [[(2, "B", "PICTURE_MISSING")]]
    members["xl/cellimages.xml"] = str(members["xl/cellimages.xml"]).replace("ID_1", "ID_2")
    assert read(QuestionFormat.XLSX, zipped(members)) == [[(2, "A", "PICTURE_MISSING")]]
    members["xl/richData/richValueRel.xml"] = "<x/>"
    assert refusal(QuestionFormat.XLSX, zipped(members)) == ["PICTURES_IN_CELLS"]


def test_what_is_no_picture_is_refused_with_its_reason() -> None:
    large = io.BytesIO()
    Drawing.new("L", (6000, 5000)).save(large, "PNG")
    bad = {"large.png": large.getvalue(), "small.png": png("red", 3, 3), "cut.jpg": jpeg()[:200], "empty.png": b"",
           "gif.png": b"GIF89a"}  # fmt: skip
    rows = "".join(f"问{place}![]({name}),甲,乙,A\n" for place, name in enumerate(bad))
    found = read(QuestionFormat.CSV, zipped({"q.csv": HEAD + rows, **bad}))
    codes = ["IMAGE_TOO_MANY_PIXELS", "IMAGE_TOO_FEW_PIXELS", "FILE_UNREADABLE", "FILE_EMPTY", "PICTURE_NOT_TAKEN"]
    assert found == [[(line, "Question", code)] for line, code in enumerate(codes, 2)]


def test_one_file_brings_so_many_pictures_and_no_more() -> None:
    rows = "".join(f"问{colour}![]({colour}.png),甲,乙,A\n" for colour in ("red", "blue", "green"))
    data = zipped({"q.csv": HEAD + rows, **{f"{colour}.png": png(colour) for colour in ("red", "blue", "green")}})
    for limits, codes in (
        (IntakeLimits(most_pictures=2), ["TOO_MANY_PICTURES"]),
        (IntakeLimits(most_kept_bytes=100), ["PICTURES_TOO_LARGE"]),
    ):
        assert refusal(QuestionFormat.CSV, data, PictureIntake(limits=limits)) == codes
    one = PictureIntake(limits=IntakeLimits(most_bytes=20))
    first = next(read_file(QuestionFormat.CSV, data, COLUMNS, one))
    assert shown(first) == [(2, "Question", "FILE_TOO_LARGE")]
    many = "![](red.png)" * (MOST_PICTURES + 1)
    data = zipped({"q.csv": f"{HEAD}问{many},甲,乙,A\n问![{'长' * 501}](red.png),甲,乙,A\n", "red.png": png()})
    assert read(QuestionFormat.CSV, data) == [
        [(2, "", "TOO_MANY_PICTURES")],
        [(3, "Question", "ALTERNATIVE_TEXT_NOT_POSSIBLE")],
    ]


def test_a_zip_that_unpacks_to_a_hundred_times_its_size_is_refused() -> None:
    data = zipped({"q.csv": HEAD + "问,甲,乙,A\n", "a.png": b"\0" * 21_000_000})
    assert refusal(QuestionFormat.CSV, data) == ["ZIP_TOO_LARGE"]


def question(**changes: object) -> NewQuestion:
    raw = RawQuestion(1, "问", ["甲", "乙"], "A", **changes)  # type: ignore[arg-type]
    found = check_question(raw)
    assert isinstance(found, NewQuestion), found
    return found


def test_pictures_make_questions_two_and_their_words_do_not() -> None:
    plain = question()
    red = question(pictures=[taken("STEM", png())])
    worded = question(pictures=[taken("STEM", png(), "红")])
    blue = question(pictures=[taken("STEM", png("blue"))])
    option = question(pictures=[taken("A", png())])
    other = question(pictures=[taken("B", png())])
    assert len({entry.digest for entry in (plain, red, worded, blue, option, other)}) == 5
    assert red.digest == worded.digest


def test_options_may_be_pictures_alone_and_are_not_alike() -> None:
    pictures = [taken("C", png()), taken("B", png("blue"))]
    found = check_question(RawQuestion(1, "问", ["", "", ""], "C", pictures=pictures))
    assert isinstance(found, NewQuestion)
    # The columns between are empty: what is left is named anew, pictures with it.
    assert (found.options, found.answer) == ((("A", ""), ("B", "")), "B")
    assert [picture.place for picture in found.pictures] == ["A", "B"]
    alike = check_question(RawQuestion(1, "问", ["", ""], "A", pictures=[taken("A", png()), taken("B", png())]))
    assert isinstance(alike, list)
    assert [entry.code for entry in alike] == ["OPTIONS_ALIKE"]


def test_a_case_may_be_a_picture_and_is_the_same_for_its_group() -> None:
    def member(number: int, data: bytes) -> NewQuestion:
        pictures = [taken("SHARED_STEM", data)]
        raw = RawQuestion(number, f"问{number}", ["甲", "乙"], "A", "A3", group="g", pictures=pictures)
        found = check_question(raw)
        assert isinstance(found, NewQuestion), found
        return found

    together = list(check_groups([member(1, png()), member(2, png())]))
    assert [entry.group_position for entry in together if isinstance(entry, NewQuestion)] == [1, 2]
    apart = list(check_groups([member(1, png()), member(2, png("blue"))]))
    assert [entry[0].code for entry in apart if isinstance(entry, list)] == ["GROUP_DIFFERS"]


def test_a_jpeg_of_the_bank_is_not_encoded_a_second_time() -> None:
    asked = question(pictures=[taken("STEM", jpeg())], code="J1")
    data, _ = write_file(QuestionFormat.QTI_3, [asked])
    (again,) = read_file(QuestionFormat.QTI_3, data, None, PictureIntake(known(*asked.pictures)))
    (elsewhere,) = read_file(QuestionFormat.QTI_3, data)
    assert isinstance(again, NewQuestion)
    assert isinstance(elsewhere, NewQuestion)
    assert again.digest == asked.digest
    # Another bank has not made these bytes, and takes nobody's word for what is in them.
    assert elsewhere.digest != asked.digest


def test_aiken_has_no_form_for_a_picture() -> None:
    data, refused = write_file(QuestionFormat.AIKEN, [question(pictures=[taken("STEM", png())])])
    assert (data, [entry.code for entry in refused]) == (b"", ["NOT_IN_AIKEN"])


def test_the_same_picture_is_checked_once() -> None:
    intake = PictureIntake()
    first, second = intake.of([Image("a", "", png()), Image("b", "", png())], "STEM")
    assert not isinstance(first, type(None))
    assert first.file is second.file  # type: ignore[union-attr]
