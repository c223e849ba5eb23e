"""Logs: one structured line an event, on standard error, with the request's id and without personal data.

What a line may hold is decided here and not by whoever logs: every value of every line passes `mask_personal_data`, and
an exception is written as its type, its places in the code and a message from which quoted data is taken out. Lines of
other libraries (uvicorn, asyncio) take the same way.
"""

import logging
import re
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from traceback import extract_tb
from typing import Any, Final

import structlog
from structlog.typing import EventDict, Processor

MASKED: Final = "[masked]"
"""Stands for a number of a person, or for the value of a key that must not be logged."""

CHINESE_MASKED: Final = "[text]"
"""Stands for Chinese words in an exception's message: a driver's message may repeat a name."""

_request_id: ContextVar[str | None] = ContextVar("dingkao_request_id", default=None)

# A phone (11 digits, with or without +86 or grouping), and any 14 or more digits: document numbers have 15 or 18,
# practice numbers 15, qualification numbers 24 or 27, and a number run together with others is none the less one.
_NUMBERS = re.compile(
    r"(?<!\d)(?:[+＋]?[8８][6６][ -]?)?[1１][3-9３-９]\d(?:[ -]?\d{4}){2}(?!\d)"
    r"|(?<!\d)\d{6}[ -]\d{8}[ -]\d{3}[\dXxＸｘ](?!\d)"
    r"|(?<!\d)\d{14,}[XxＸｘ]?(?!\d)"
)
# Documents of other kinds, by the forms they are issued in. They are short, so they count where they stand alone: a
# piece of a digest, of an opaque id or of a name of ours is none.
_LETTER = "[A-Za-zＡ-Ｚａ-ｚ]"
_ALONE = "[0-9A-Za-z_０-９Ａ-Ｚａ-ｚ]"
_OTHER_DOCUMENTS = re.compile(
    # Passports (E12345678, EA1234567, DE, SE, PE; most foreign ones), permits of Hong Kong and Macao (H or M and eight
    # or ten digits), identity cards of Taiwan; permanent residence of foreigners (three letters, twelve digits).
    rf"(?<!{_ALONE})(?:{_LETTER}{{1,2}}\d{{7,10}}|{_LETTER}{{3}}\d{{12}})(?:[(（]\w[)）])?(?!{_ALONE})"
    # Identity cards of Hong Kong, A123456(7), and of Macao, 1234567(8).
    rf"|(?<!{_ALONE})(?:{_LETTER}{{1,2}}\d{{6}}|\d{{7}})[(（][\dAaＡａ][)）]"
    # Permits of Taiwan: eight digits, of the older kind ten; a day written as eight digits is none.
    rf"|(?<!{_ALONE})(?<![-.])(?!(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?!\d))(?:\d{{8}}|[0０]\d{{9}})"
    rf"(?:[(（]\w[)）])?(?!{_ALONE}|-\d|\.\d)"
    # Military cards: 南字第01234567号.
    r"|字第\s?\d{5,12}(?!\d)"
)
_CHINESE = re.compile("[\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+")
_FORBIDDEN_KEYS = frozenset(
    {
        "password", "new_password", "passphrase", "token", "authorization", "cookie", "sms_code", "secret",
        "login_name", "document_number", "qualification_number", "practice_number", "phone", "person_name",
    }
)  # fmt: skip
# A request's id is 16 hexadecimal digits of our own making, a length that no person's number has; one in fifty of them
# would look like a phone number somewhere.
_REQUEST_ID = re.compile("[0-9a-f]{16}")
# Lines in which a database repeats the row it refused.
_DRIVER_DETAIL = re.compile(r"^(DETAIL|CONTEXT|HINT|QUERY)\b.*$|\bFailing row contains.*$", re.MULTILINE)
_LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40}


def current_request_id() -> str | None:
    """The id of the request that the running code serves; None outside one."""
    return _request_id.get()


@contextmanager
def request_id_in_force(request_id: str) -> Iterator[None]:
    """Write `request_id` into every line logged in the block, and in the tasks started from it."""
    token = _request_id.set(request_id)
    try:
        yield
    finally:
        _request_id.reset(token)


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """A logger: `log.info("request", status=200)`. `name` says which part of the program speaks."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(source=name)
    return logger


def configure_logging(format_name: str = "json", level: str = "INFO") -> None:
    """Set up the whole process: `format_name` is json (a line a JSON object) or text (for people), `level` one of
    DEBUG, INFO, WARNING, ERROR. Libraries are heard from WARNING on; uvicorn at `level`."""
    number = _LEVELS[level]
    renderer = _renderer(format_name)
    shared = _shared_processors()
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: _StandardError(),
        cache_logger_on_first_use=False,
    )
    handler = _LibraryHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_add_library_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *shared, renderer],
        )
    )
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old, _LibraryHandler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(max(number, logging.WARNING))
    logging.getLogger("uvicorn").setLevel(number)
    logging.captureWarnings(True)


def mask_text(text: str) -> str:
    """`text` with every number that could be a person's masked: phones, document, qualification and practice numbers,
    and documents of other kinds that stand alone in the form they are issued in (operators/privacy.md lists them, and
    what cannot be told from another number)."""
    return _OTHER_DOCUMENTS.sub(MASKED, _NUMBERS.sub(MASKED, text))


def mask_personal_data(_logger: object, _method: str, event: EventDict) -> EventDict:
    """A structlog processor: mask numbers of persons in every value, however deep, and values under forbidden keys."""
    masked = {key: MASKED if _is_forbidden(key) else _masked(value) for key, value in event.items()}
    request_id = event.get("request_id")
    if isinstance(request_id, str) and _REQUEST_ID.fullmatch(request_id):
        masked["request_id"] = request_id
    return masked


def describe_exception(error: BaseException) -> str:
    """An exception for a log: type, message and places, causes first; no local values, no data from its message."""
    earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    lines = [describe_exception(earlier), "then"] if earlier is not None else []
    lines.append(f"{type(error).__module__}.{type(error).__qualname__}: {_message(error)}")
    lines += [f"  {frame.filename}:{frame.lineno} {frame.name}" for frame in extract_tb(error.__traceback__)]
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions:
            lines += ["  | " + line for line in describe_exception(member).splitlines()]
    return "\n".join(lines)


def _message(error: BaseException) -> str:
    problems = getattr(error, "errors", None)
    if type(error).__name__ == "ValidationError" and callable(problems):
        # Pydantic repeats the refused input in its message; where and of what type is enough here.
        return "; ".join(f"{'.'.join(map(str, problem['loc']))}: {problem['type']}" for problem in problems())
    text = _DRIVER_DETAIL.sub("", str(error)).strip()
    return mask_text(_CHINESE.sub(CHINESE_MASKED, text))


def _masked(value: Any) -> Any:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, int):
        # Counts and keys have eight digits too; what a person wrote is a text.
        text = str(value)
        masked = _NUMBERS.sub(MASKED, text)
        return value if masked == text else masked
    if isinstance(value, Mapping):
        return {mask_text(str(key)): MASKED if _is_forbidden(key) else _masked(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(part) for part in value]
    return mask_text(str(value))


def _is_forbidden(key: object) -> bool:
    return isinstance(key, str) and key.lower() in _FORBIDDEN_KEYS


def _shared_processors() -> list[Processor]:
    return [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _add_request_id,
        _write_exception,
        mask_personal_data,
    ]


def _renderer(format_name: str) -> Processor:
    if format_name == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), timestamp_key="at", exception_formatter=structlog.dev.plain_traceback
    )


def _add_request_id(_logger: object, _method: str, event: EventDict) -> EventDict:
    request_id = _request_id.get()
    if request_id is not None:
        event.setdefault("request_id", request_id)
    return event


def _write_exception(_logger: object, _method: str, event: EventDict) -> EventDict:
    given = event.pop("exc_info", None)
    error = given if isinstance(given, BaseException) else given[1] if isinstance(given, tuple) else None
    if given is True:
        error = sys.exc_info()[1]
    if error is not None:
        event["exception"] = describe_exception(error)
    return event


def _add_library_name(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    record = event.get("_record")
    if record is not None:
        event["source"] = record.name
    return event


class _StandardError:
    """Writes each line whole, so that the lines of several workers do not mix; asks for `sys.stderr` each time."""

    def msg(self, line: str) -> None:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()

    debug = info = warning = error = critical = exception = log = msg


class _LibraryHandler(logging.Handler):
    """Takes the lines of libraries that use the standard `logging`."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            _StandardError().msg(self.format(record))
        except Exception:  # as every handler of `logging` does: a line that cannot be written stops nothing
            self.handleError(record)


# Before `configure_logging` (in a script, in a test) lines are masked as well, and go to standard error.
structlog.configure(
    processors=[*_shared_processors(), _renderer("json")],
    wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    logger_factory=lambda *_: _StandardError(),
)
