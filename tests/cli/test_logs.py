"""What reaches the log, read back from a process of its own: the set-up is the whole process's."""

import json
import subprocess
import sys
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dingkao.doctors.made_up import (
    made_up_document_number,
    made_up_phone,
    made_up_practice_number,
    made_up_qualification_number,
)
from dingkao.logs import MASKED, describe_exception, mask_personal_data, mask_text
from dingkao.plugin.vocabulary import Sex

DOCUMENT = "99000019800101123X"


def logged(script: str) -> list[str]:
    """The lines on standard error of a process that runs `script`."""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    return done.stderr.splitlines()


def records(script: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in logged(script)]


def test_a_line_is_one_json_object_with_time_level_source_and_request() -> None:
    first, second = records(
        "from dingkao.logs import *\n"
        "configure_logging('json', 'INFO')\n"
        "log = get_logger('dingkao.test')\n"
        "with request_id_in_force('r-1'):\n"
        "    log.info('request', status=200, path='/graphql')\n"
        "log.debug('not at this level')\n"
        "log.warning('后来')\n"
    )
    assert first.pop("at").endswith("Z")
    assert first == {
        "event": "request", "level": "info", "source": "dingkao.test", "request_id": "r-1", "status": 200,
        "path": "/graphql",
    }  # fmt: skip
    assert second["event"] == "后来"
    assert "request_id" not in second


def test_a_task_started_in_a_request_keeps_its_id() -> None:
    lines = records(
        "import asyncio\n"
        "from dingkao.logs import *\n"
        "configure_logging()\n"
        "async def work(): get_logger('x').info('work')\n"
        "async def main():\n"
        "    with request_id_in_force('r-7'):\n"
        "        task = asyncio.create_task(work())\n"
        "    await task\n"
        "    await work()\n"
        "asyncio.run(main())\n"
    )
    assert [line.get("request_id") for line in lines] == ["r-7", None]


def test_text_lines_are_for_people() -> None:
    (line,) = logged(
        "from dingkao.logs import *\n"
        "configure_logging('text', 'INFO')\n"
        f"get_logger('x').info('hello', number='{DOCUMENT}')\n"
    )
    assert "hello" in line
    assert f"number={MASKED}" in line
    assert DOCUMENT not in line


def test_lines_of_libraries_take_the_same_way() -> None:
    lines = records(
        "import logging, warnings\n"
        "from dingkao.logs import *\n"
        "configure_logging('json', 'INFO')\n"
        f"logging.getLogger('uvicorn.error').info('started for %s', '{DOCUMENT}')\n"
        "logging.getLogger('other').info('too quiet')\n"
        f"logging.getLogger('other').warning('heard %s', '{DOCUMENT}')\n"
        f"warnings.warn('about {DOCUMENT}')\n"
    )
    assert [line["source"] for line in lines] == ["uvicorn.error", "other", "py.warnings"]
    assert [line["level"] for line in lines] == ["info", "warning", "warning"]
    assert lines[0]["event"] == f"started for {MASKED}"
    assert all(DOCUMENT not in json.dumps(line) for line in lines)


def test_lines_are_masked_before_logging_is_set_up() -> None:
    (line,) = records(f"from dingkao.logs import get_logger\nget_logger('x').info('early {DOCUMENT}')\n")
    assert line["event"] == f"early {MASKED}"


def test_setting_up_twice_writes_a_line_once() -> None:
    lines = records(
        "import logging\n"
        "from dingkao.logs import *\n"
        "configure_logging()\nconfigure_logging()\n"
        "logging.getLogger('other').warning('once')\n"
    )
    assert len(lines) == 1


def test_a_request_id_stays_readable_whatever_its_digits() -> None:
    assert mask_personal_data(None, "info", {"request_id": "a13800000000bcde"})["request_id"] == "a13800000000bcde"
    assert mask_personal_data(None, "info", {"request_id": DOCUMENT})["request_id"] == MASKED


def test_a_driver_does_not_carry_the_refused_row_into_the_log() -> None:
    (line,) = records(
        "from dingkao.logs import *\n"
        "configure_logging()\n"
        "try:\n"
        "    try:\n"
        "        raise KeyError('张三')\n"
        "    except KeyError as error:\n"
        f"        message = 'row refused {DOCUMENT}\\nDETAIL:  Failing row contains (7, Zhang San).'\n"
        "        raise ValueError(message) from error\n"
        "except ValueError:\n"
        "    get_logger('x').exception('failed')\n"
    )
    assert "张三" not in line["exception"]
    assert "Zhang San" not in line["exception"]
    assert DOCUMENT not in line["exception"]
    assert "builtins.KeyError" in line["exception"]
    assert f"builtins.ValueError: row refused {MASKED}" in line["exception"]
    assert "<string>:8 <module>" in line["exception"]


def test_pydantic_does_not_carry_the_refused_input_into_the_log() -> None:
    from pydantic import BaseModel, ValidationError

    class Input(BaseModel):
        age: int

    with pytest.raises(ValidationError) as caught:
        Input.model_validate({"age": "Zhang San"})
    described = describe_exception(caught.value)
    assert "age: int_parsing" in described
    assert "Zhang San" not in described


def test_every_member_of_a_group_is_described() -> None:
    described = describe_exception(ExceptionGroup("two", [ValueError("first"), OSError("second 13800000000")]))
    assert "builtins.ValueError: first" in described
    assert f"builtins.OSError: second {MASKED}" in described


@given(
    seed=st.integers(min_value=0, max_value=10**9),
    born=st.dates(min_value=date(1930, 1, 1), max_value=date(2005, 1, 1)),
    sex=st.sampled_from(Sex),
    before=st.text(alphabet=st.characters(exclude_categories=["Nd", "Cs"]), max_size=5),
    after=st.text(alphabet=st.characters(exclude_categories=["Nd", "Cs"]), max_size=5),
)
def test_no_number_of_a_person_passes(seed: int, born: Any, sex: Sex, before: str, after: str) -> None:
    document = made_up_document_number(seed, born, sex)
    numbers = [
        document,
        document.lower(),
        document[:6] + document[8:17],  # the old form of 15 digits
        made_up_qualification_number(document, 2001),
        made_up_qualification_number(document[:6] + document[8:17], 2001),
        made_up_practice_number(seed),
        made_up_phone(seed),
    ]
    for number in numbers:
        event = mask_personal_data(None, "info", {"a": f"{before}{number}{after}", "b": [{f"k{number}": (number,)}]})
        assert number.upper() not in str(event).upper()
        assert MASKED in event["a"]


# Nobody's: of each the form in which it is issued, with digits that are given to nobody or counted up.
OTHER_DOCUMENTS = [
    "E00000000", "G12345678", "D12345678", "S12345678", "P12345678", "EA1234567", "DE1234567", "SE1234567",
    "PE1234567", "P1234567", "H12345678", "H1234567890", "M12345678", "M1234567890", "00000012", "0012345678(B)",
    "12345678(A)", "A123456789", "A123456(7)", "A123456(A)", "1234567(8)", "XXX990000000000", "CA7654321",
]  # fmt: skip
_BESIDE = st.text(
    alphabet=st.characters(exclude_categories=["Nd", "Cs", "Ll", "Lu"], exclude_characters="_-."), max_size=5
)


@settings(max_examples=20)
@given(before=_BESIDE, after=_BESIDE)
def test_no_number_of_another_document_passes(before: str, after: str) -> None:
    for number in OTHER_DOCUMENTS:
        wide = number.translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)})
        for written in (number, number.lower(), wide):
            event = mask_personal_data(None, "info", {"a": f"{before}{written}{after}", "b": [{"k": (written,)}]})
            assert written[:7].upper() not in str(event).upper()
            assert MASKED in event["a"]
        assert number[:7] not in describe_exception(ValueError(f"{before}{number}{after}"))


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("证件号码E00000000有误", f"证件号码{MASKED}有误"),
        ('got invalid value "H00000000".', f'got invalid value "{MASKED}".'),
        ("/files/E00000000", f"/files/{MASKED}"),
        ("军官证：南字第0000123号", f"军官证：南{MASKED}号"),
    ],
)
def test_numbers_of_other_documents_are_masked_in_their_sentence(text: str, masked: str) -> None:
    assert mask_text(text) == masked


@pytest.mark.parametrize(
    "text", ["+8613800000000", "138 0000 0000", "138-0000-0000", "８６１３８00000000", "990000 19800101 123X"]
)
def test_numbers_are_masked_however_they_are_grouped(text: str) -> None:
    assert mask_text(f"<{text}>") == f"<{MASKED}>"


@pytest.mark.parametrize(
    "text",
    [
        "2026-06-01T02:00:00.123456Z",
        "a3f09c1b22d4e5f6",
        "status 200 in 12.5 ms",
        "10.20.30.40:65535",
        "TAB-20260601-0042",
        "20260601",
        "backup-20260601.tar",
        "H990101",
        "sha256:" + "e12345678a" * 6 + "0f0f",
        "UXVlc3Rpb246MTIzNDU2Nzg",
        "SMS_154950909",
        "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        "0.12345678 of 12345678.5",
        "0x7f3a12345678",
        "SQ00042",
    ],
)
def test_what_is_no_persons_number_stays(text: str) -> None:
    assert mask_text(text) == text


def test_numbers_given_as_numbers_and_forbidden_keys_are_masked_too() -> None:
    event = {"phone_as_number": 13800000000, "count": 12, "entries": 12_345_678,
             "milliseconds": 0.12345678901234567, "flag": True,
             "password": "p", "detail": {"Token": "t", "n": 1}}  # fmt: skip
    assert mask_personal_data(None, "info", event) == {
        "phone_as_number": MASKED, "count": 12, "entries": 12_345_678,
        "milliseconds": 0.12345678901234567, "flag": True,
        "password": MASKED, "detail": {"Token": MASKED, "n": 1},
    }  # fmt: skip
