"""Question files of other systems: read as they are, and written so that they are read again unchanged."""

import io
import zipfile
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from dingkao.papers.formats import QuestionColumns, QuestionFormat, detect, read_file, write_file
from dingkao.papers.pictures import PictureIntake, QuestionPicture
from dingkao.papers.question_groups import check_groups
from dingkao.papers.questions import NewQuestion, RawQuestion, RefusedQuestion, check_question, normalised
from dingkao.plugin.errors import ValidationFailed
from dingkao.plugin.vocabulary import Difficulty, QuestionCategory, QuestionType

from .drawn_pictures import jpeg, known, png, taken

EVERYTHING = [kind for kind in QuestionFormat if kind is not QuestionFormat.AIKEN]
# Texts with everything that a format could take for its own.
texts = st.text(
    st.sampled_from("甲乙丙ABCaz019 \n\t{}=~#:\\%[]<>&\"'/,;.-_$*²₂　×√é") | st.characters(codec="utf-8"), max_size=30
).filter(lambda text: text.strip() != "")
names = st.text(st.sampled_from("甲乙A1 ]\\[:=&<,.#~{}/-"), max_size=12)
singles = st.sampled_from([QuestionType.A1, QuestionType.A2])
# What a picture shows in words is one line.
words = st.text(st.sampled_from("甲乙 ]\\[\"'&<>()=#:~{}") | st.characters(codec="utf-8"), max_size=8).map(
    lambda text: " ".join(text.split())
)
files = st.sampled_from([png(), png("blue"), jpeg()])


def make(raw: RawQuestion) -> NewQuestion | None:
    found = check_question(raw)
    return found if isinstance(found, NewQuestion) else None


def pictures_at(place: str) -> st.SearchStrategy[list[QuestionPicture]]:
    """Mostly none, for one place."""
    one = st.tuples(files, words).filter(lambda pair: pair[1].isprintable()).map(lambda pair: taken(place, *pair))
    return st.just([]) | st.just([]) | st.lists(one, max_size=2)


@st.composite
def questions(draw: st.DrawFn) -> list[NewQuestion]:
    """A file's worth: questions alone and groups, each text once."""
    made: list[NewQuestion] = []
    for number in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(list(QuestionType)))
        grouped = kind in (QuestionType.A3, QuestionType.A4, QuestionType.B1)
        shared = draw(texts) if kind in (QuestionType.A3, QuestionType.A4) else ""
        case = draw(pictures_at("SHARED_STEM")) if shared else []
        category, specialty = draw(st.sampled_from(["", *QuestionCategory])), draw(names)
        options: list[str] = []
        of_options: list[QuestionPicture] = []
        for member in range(2 if grouped else 1):
            if kind is not QuestionType.B1 or member == 0:
                options = draw(st.lists(texts, min_size=2, max_size=5, unique_by=normalised))
                of_options = draw(pictures_at("A")) + draw(pictures_at("B"))
            if kind is QuestionType.TRUE_FALSE:
                options = ["正确", "错误"]
            answer = draw(st.sampled_from("AB")) if kind is not QuestionType.X else "AB"
            raw = RawQuestion(
                len(made) + 1, draw(texts), options, answer, kind.value, f"Q{number}-{member}",
                category, specialty, draw(names),
                draw(st.sampled_from(["", *Difficulty])), draw(names), shared, f"G{number}" if grouped else "",
                pictures=[*case, *draw(pictures_at("STEM")), *of_options],
            )  # fmt: skip
            found = make(raw)
            if found is not None:
                made.append(found)
    return [found for found in check_groups(made) if isinstance(found, NewQuestion)]


def content(found: object) -> object:
    """A question without the place where it was read."""
    return replace(found, line=0) if isinstance(found, NewQuestion) else found


def again(kind: QuestionFormat, given_questions: list[NewQuestion]) -> list[object]:
    data, refused = write_file(kind, given_questions)
    assert refused == []
    bank = known(*(picture for question in given_questions for picture in question.pictures))
    read = list(read_file(kind, data, None, PictureIntake(bank)))
    bad = [found for found in read if not isinstance(found, NewQuestion)]
    assert bad == []
    return [content(found) for found in check_groups(found for found in read if isinstance(found, NewQuestion))]


@pytest.mark.parametrize("kind", EVERYTHING)
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(made=questions())
def test_what_is_written_is_read_again_unchanged(kind: QuestionFormat, made: list[NewQuestion]) -> None:
    assert again(kind, made) == [content(question) for question in made]


@given(made=questions())
@settings(max_examples=30, deadline=None)
def test_aiken_keeps_what_it_can_hold_and_says_what_it_cannot(made: list[NewQuestion]) -> None:
    data, refused = write_file(QuestionFormat.AIKEN, made)
    read = [found for found in read_file(QuestionFormat.AIKEN, data) if isinstance(found, NewQuestion)]
    lines = {entry.line for entry in refused}
    kept = [question for question in made if question.line not in lines]
    assert [(found.stem, found.options, found.answer) for found in read] == [
        (question.stem, question.options, question.answer) for question in kept
    ]
    assert all(entry.code == "NOT_IN_AIKEN" for entry in refused)


def codes(found: list[NewQuestion | list[RefusedQuestion]]) -> list[object]:
    return [
        (entry.answer, entry.stem) if isinstance(entry, NewQuestion) else [reason.code for reason in entry]
        for entry in found
    ]


def test_gift_as_others_write_it() -> None:
    text = """// 一条注释
$CATEGORY: 题库/内科/传染病

::题一:: 甲类传染病是 {
=鼠疫#对
~肝炎#不对
~%0%流感
}

Grant{~%-100%A ~%50%B\\:1 ~%50%C}葬于

太阳从东方升起。{T}

地球是平的。{FALSE#错}

配对 {=甲 -> 一 =乙 -> 二}

写一篇文章 {}

数字 {#3:1}

填空 {=水 =冰}

没有答案的说明
"""
    found = list(read_file(QuestionFormat.GIFT, text.encode()))
    assert codes(found) == [
        ("A", "甲类传染病是"),
        ("BC", "Grant _____ 葬于"),
        ("A", "太阳从东方升起。"),
        ("B", "地球是平的。"),
        *[["KIND_NOT_TAKEN"]] * 5,
    ]
    first, second, third = (entry for entry in found[:3] if isinstance(entry, NewQuestion))
    assert (first.line, first.topic, first.options[0]) == (4, "传染病", ("A", "鼠疫"))
    assert (second.type, second.options[1]) == (QuestionType.X, ("B", "B:1"))
    assert third.type is QuestionType.TRUE_FALSE
    assert [entry[0].line for entry in found if isinstance(entry, list)] == [16, 18, 20, 22, 24]


def test_aiken_as_others_write_it() -> None:
    text = "首都是\n哪里？\nA) 上海\nB. 北京\nANSWER: B\n\n坏题\nA. 甲\nB. 乙\n好题\nA. 甲\nB. 乙\nANSWER: C\n没完"
    found = list(read_file(QuestionFormat.AIKEN, text.encode("gb18030")))
    assert codes(found) == [("B", "首都是\n哪里？"), ["ANSWER_MISSING"], ["ANSWER_NO_OPTION"], ["ANSWER_MISSING"]]
    assert [entry[0].line for entry in found if isinstance(entry, list)] == [7, 10, 14]


def test_moodle_as_others_write_it() -> None:
    text = """<?xml version="1.0"?><quiz>
    <question type="category"><category><text>$course$/内科/呼吸</text></category></question>
    <question type="multichoice"><name><text>一</text></name>
      <questiontext format="html"><text><![CDATA[<p>血中 CO<sub>2</sub> 分压<br>是（&nbsp;）10<sup>3</sup></p>]]></text>
      </questiontext><single>true</single>
      <answer fraction="100"><text>甲</text><feedback><text>对</text></feedback></answer>
      <answer fraction="0" format="html"><text><![CDATA[<b>乙</b>]]></text></answer></question>
    <question type="truefalse"><questiontext><text>地球是圆的</text></questiontext>
      <answer fraction="0"><text>false</text></answer><answer fraction="100"><text>true</text></answer></question>
    <question type="essay"><questiontext><text>论述</text></questiontext></question>
    <question type="multichoice"><questiontext format="html">
      <text><![CDATA[看图<img src="@@PLUGINFILE@@/a.png">]]></text></questiontext>
      <answer fraction="100"><text>甲</text></answer><answer fraction="0"><text>乙</text></answer></question>
    </quiz>"""
    found = list(read_file(QuestionFormat.MOODLE, text.encode()))
    assert codes(found) == [
        ("A", "血中 CO₂ 分压\n是（\xa0）10³"),
        ("A", "地球是圆的"),
        ["KIND_NOT_TAKEN"],
        ["PICTURE_MISSING"],
    ]
    assert isinstance(found[0], NewQuestion)
    assert (found[0].topic, found[0].options[1]) == ("呼吸", ("B", "乙"))


ITEM = """<assessmentItem xmlns="http://www.imsglobal.org/xsd/imsqti_v2p1" identifier="one" title="一" adaptive="false"
 timeDependent="false"><responseDeclaration identifier="R" cardinality="single" baseType="identifier"><correctResponse>
 <value>ChoiceB</value></correctResponse></responseDeclaration><itemBody><p>看下面的
 牌子。</p><choiceInteraction responseIdentifier="R" shuffle="true" maxChoices="1"><prompt>它说什么？</prompt>
 <simpleChoice identifier="ChoiceA">甲<feedbackInline outcomeIdentifier="F" identifier="a">错</feedbackInline>
 </simpleChoice>
 <simpleChoice identifier="ChoiceB" fixed="true">乙</simpleChoice></choiceInteraction></itemBody></assessmentItem>"""
STIMULUS_ITEM = """<qti-assessment-item xmlns="http://www.imsglobal.org/xsd/imsqtiasi_v3p0" identifier="{n}" title="t"
 adaptive="false" time-dependent="false"><qti-response-declaration identifier="RESPONSE" cardinality="multiple"
 base-type="identifier"><qti-correct-response><qti-value>a</qti-value></qti-correct-response></qti-response-declaration>
 <qti-assessment-stimulus-ref identifier="case1" href="../stimuli/s.xml"/><qti-item-body><qti-choice-interaction
 response-identifier="RESPONSE" max-choices="1"><qti-prompt>第{n}问</qti-prompt><qti-simple-choice identifier="a">甲{n}
 </qti-simple-choice><qti-simple-choice identifier="b">乙</qti-simple-choice></qti-choice-interaction></qti-item-body>
 </qti-assessment-item>"""


def package(**members: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as opened:
        for name, text in members.items():
            opened.writestr(name.replace("__", "/") + ".xml", text)
    return stream.getvalue()


def test_qti_as_others_write_it() -> None:
    assert codes(list(read_file(QuestionFormat.QTI_2, ITEM.encode()))) == [("B", "看下面的 牌子。\n它说什么？")]
    other = ITEM.replace("choiceInteraction", "orderInteraction")
    assert codes(list(read_file(QuestionFormat.QTI_2, other.encode()))) == [["KIND_NOT_TAKEN"]]
    resources = "".join(
        f'<resource identifier="i{n}" type="imsqti_item_xmlv3p0" href="items/{n}.xml"/>' for n in (1, 2, 3)
    )
    data = package(
        imsmanifest=f'<manifest xmlns="urn:x"><resources>{resources}</resources></manifest>',
        items__1=STIMULUS_ITEM.format(n=1),
        items__2=STIMULUS_ITEM.format(n=2),
        stimuli__s="<qti-assessment-stimulus><qti-stimulus-body><p>男，45岁。</p></qti-stimulus-body></qti-assessment-stimulus>",
    )
    found = list(read_file(QuestionFormat.QTI_3, data))
    assert codes(found) == [("A", "第1问"), ("A", "第2问"), ["FILE_MISSING"]]
    grouped = list(check_groups(entry for entry in found if isinstance(entry, NewQuestion)))
    assert [
        (entry.type, entry.group, entry.group_position, entry.shared)
        for entry in grouped
        if isinstance(entry, NewQuestion)
    ] == [(QuestionType.A3, "case1", 1, "男，45岁。"), (QuestionType.A3, "case1", 2, "男，45岁。")]


def test_a_workbook_as_others_write_it() -> None:
    workbook = Workbook()
    sheet = workbook.active
    assert sheet is not None
    for row in (
        ["序号", "题干", "甲", "乙", "答案", None],
        [1, "几岁？", 18, 20.5, "a", "x"],
        [None] * 6,
        [2, "坏", 1],
    ):
        sheet.append(row)
    stream = io.BytesIO()
    workbook.save(stream)
    columns = QuestionColumns("题干", ("甲", "乙"), "答案")
    found = list(read_file(QuestionFormat.XLSX, stream.getvalue(), columns))
    assert codes(found) == [("A", "几岁？"), ["NUMBER_OF_OPTIONS", "ANSWER_NO_OPTION"]]
    assert isinstance(found[0], NewQuestion)
    assert found[0].options == (("A", "18"), ("B", "20.5"))


BOMB = '<!DOCTYPE quiz [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><quiz><question type="essay">&b;</question></quiz>'
OUTSIDE = '<!DOCTYPE quiz [<!ENTITY a SYSTEM "file:///etc/hostname">]><quiz><question>&a;</question></quiz>'


@pytest.mark.parametrize(
    ("kind", "data", "code"),
    [
        (QuestionFormat.MOODLE, BOMB.encode(), "XML_FORBIDDEN"),
        (QuestionFormat.MOODLE, OUTSIDE.encode(), "XML_FORBIDDEN"),
        (QuestionFormat.QTI_2, BOMB.encode(), "XML_FORBIDDEN"),
        (QuestionFormat.QTI_2, package(imsmanifest=BOMB), "XML_FORBIDDEN"),
        (QuestionFormat.QTI_2, package(other="<a/>"), "NO_MANIFEST"),
        (QuestionFormat.QTI_2, b"<quiz/>", "NO_ITEM"),
        (QuestionFormat.MOODLE, b"<quiz><question>", "BAD_XML"),
        (QuestionFormat.QTI_3, b"PK\x03\x04 damaged", "BAD_ZIP"),
        (QuestionFormat.XLSX, b"no zip", "NO_WORKBOOK"),
        (QuestionFormat.XLSX, package(xl__workbook=BOMB), "XML_FORBIDDEN"),
        (QuestionFormat.XLSX, package(xl__workbook="<a/>"), "BAD_WORKBOOK"),
        (QuestionFormat.GIFT, b"\xff\xff\xff", "NO_TEXT"),
        (QuestionFormat.AIKEN, b"\xff\xff\xff", "NO_TEXT"),
    ],
)
def test_what_is_no_such_file_is_refused_whole(kind: QuestionFormat, data: bytes, code: str) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        list(read_file(kind, data))
    assert [problem.code for problem in refusal.value.problems] == [code]


def test_what_would_grow_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("imsmanifest.xml", b" " * 1_000_000)
    monkeypatch.setattr("dingkao.papers.formats.zip_file.MOST_BYTES", 200_000)
    with pytest.raises(ValidationFailed) as refusal:
        list(read_file(QuestionFormat.QTI_2, stream.getvalue()))
    assert [problem.code for problem in refusal.value.problems] == ["ZIP_TOO_LARGE"]
    monkeypatch.setattr("dingkao.papers.formats.common.MOST_BYTES", 100)
    for kind in (QuestionFormat.CSV, QuestionFormat.GIFT, QuestionFormat.MOODLE, QuestionFormat.QTI_2):
        with pytest.raises(ValidationFailed) as refusal:
            list(read_file(kind, b"x" * 101))
        assert [problem.code for problem in refusal.value.problems] == ["FILE_TOO_LARGE"]


def test_formats_are_told_by_content_then_by_name() -> None:
    workbook, sample = write_file(QuestionFormat.XLSX, [])[0], write_file(QuestionFormat.QTI_3, [])[0]
    assert [
        detect("a.bin", workbook), detect("a.zip", sample), detect("a.xml", b"\xef\xbb\xbf<?xml?><quiz>"),
        detect("item.xml", ITEM.encode()), detect("a.gift", b"x"), detect("a.txt", b"x {T}"),
        detect("a.txt", b"x\nA. a\nB. b\nANSWER: A"), detect("a.csv", b"Question,A"),
    ] == [
        QuestionFormat.XLSX, QuestionFormat.QTI_2, QuestionFormat.MOODLE, QuestionFormat.QTI_2, QuestionFormat.GIFT,
        QuestionFormat.GIFT, QuestionFormat.AIKEN, QuestionFormat.CSV,
    ]  # fmt: skip


@given(st.binary(max_size=60), st.sampled_from(list(QuestionFormat)))
def test_no_bytes_break_a_reader(data: bytes, kind: QuestionFormat) -> None:
    with suppress(ValidationFailed):
        for found in read_file(kind, data):
            assert isinstance(found, NewQuestion) or found
