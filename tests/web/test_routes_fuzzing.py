"""The routes beside GraphQL, asked with anything: torn and odd forms, wrong types, huge and impossible headers, signed
nonsense. Never a failure of the server, and each refusal in the shape that the pages promise."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st
from pydantic import SecretStr
from starlette.applications import Starlette
from tests.papers.sittings import build_sittings

from dingkao.papers.attempts import start_attempt
from dingkao.papers.writing import attempt_token
from dingkao.plugin.ids import encode_id
from dingkao.plugin.proctoring import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign_callback
from dingkao.plugin.vocabulary import FilePurpose
from dingkao.proctoring.tables import ProctorSession
from dingkao.settings import Settings
from dingkao.testing.clock import SettableClock
from dingkao.testing.proctor import MOCK_SECRET, VERDICT_PATH
from dingkao.testing.progress import made_up_picture
from dingkao.testing.web import running_app, token_for

# A few hundred requests in all: the same ones in each run.
few = profile(
    max_examples=60, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)  # fmt: skip
Header = tuple[bytes, bytes]


@dataclass
class Answer:
    """What the application sent."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Asked:
    """A running application, and what a client of it would know."""

    runner: asyncio.Runner
    app: Starlette
    token: str
    attempt_token: str
    ids: list[str]

    def ask(
        self,
        method: str,
        path: str,
        headers: Sequence[Header] = (),
        chunks: Sequence[bytes] = (b"",),
        *,
        torn: bool = False,
    ) -> Answer:
        """One request as a server hands it over, with nothing that a client's library would put right; `torn`: the
        client goes away before the end."""
        return self.runner.run(_ask(self.app, method, path, list(headers), list(chunks), torn))


async def _ask(
    app: Starlette, method: str, path: str, headers: list[Header], chunks: list[bytes], torn: bool
) -> Answer:
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": chunk, "more_body": torn or place < len(chunks) - 1}
        for place, chunk in enumerate(chunks)
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    raw, _, query = path.partition("?")
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": unquote(raw), "raw_path": raw.encode(), "root_path": "", "query_string": query.encode(),
        "headers": [(b"host", b"dingkao.test"), *headers], "client": ("192.0.2.1", 40_000), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    await app(scope, receive, send)
    start = next(message for message in sent if message["type"] == "http.response.start")
    body = b"".join(message.get("body", b"") for message in sent if message["type"] == "http.response.body")
    return Answer(start["status"], {name.decode().lower(): value.decode() for name, value in start["headers"]}, body)


def check(answer: Answer, *, html: bool = False) -> None:
    """No failure; a refusal is JSON with a code and a sentence in each error, and tells nothing of the inside."""
    assert answer.status < 500, answer
    assert answer.headers["x-content-type-options"] == "nosniff"
    if answer.status < 400:
        return
    assert b"Traceback" not in answer.body
    if html:
        assert answer.headers["content-type"].startswith("text/html"), answer
        return
    errors = json.loads(answer.body)["errors"]
    assert errors, answer
    for error in errors:
        assert set(error) <= {"code", "message", "path"}, answer
        assert error["code"] == error["code"].upper(), answer
        assert error["message"], answer


@pytest.fixture
def asked(settings: Settings, clock: SettableClock) -> Iterator[Asked]:
    changed = settings.model_copy(update={"proctor_secrets": SecretStr(MOCK_SECRET), "audit_refusals": 3})
    with asyncio.Runner() as runner, _running(runner, changed, clock) as found:
        yield found


@contextmanager
def _running(runner: asyncio.Runner, settings: Settings, clock: SettableClock) -> Iterator[Asked]:
    running = running_app(settings, clock)
    app = runner.run(running.__aenter__())
    try:
        yield runner.run(_scene(runner, app))
    finally:
        runner.run(running.__aexit__(None, None, None))


async def _scene(runner: asyncio.Runner, app: Starlette) -> Asked:
    environment = app.state.environment
    sittings = await build_sittings(environment)
    doctor = await sittings.doctor()
    attempt = await start_attempt(environment, doctor.caller, (await sittings.papers(doctor))[0].id)
    record = await sittings.attempt(attempt)
    now = environment.clock.now()
    await ProctorSession.insert(
        ProctorSession(attempt=attempt, name="session", subject="subject", due_at=now, registered_at=now, closed_at=now)
    )
    return Asked(
        runner,
        app,
        await token_for(environment, doctor.account_id),
        attempt_token(environment, attempt, record.started_at, record.writer_number),
        [encode_id("Assessment", doctor.assessment_id), encode_id("Attempt", attempt), encode_id("File", 1)],
    )


odd_text = st.one_of(
    st.text(max_size=20), st.sampled_from(["", "\x00", "../../etc/passwd", "é" * 300, 'a;b"c\r\nd', "\u202egpj.exe"])
)
header_value = st.one_of(
    st.binary(max_size=30),
    st.sampled_from([b"", b"\xb2", b"-1", b"1e9", b"9" * 5000, b"x" * 100_000, b"multipart/form-data", b"text/plain"]),
)
odd_headers = st.lists(
    st.tuples(
        st.sampled_from(
            [b"accept-language", b"content-length", b"x-forwarded-for", b"user-agent", b"range", b"accept"]
        ),
        header_value,
    ),
    max_size=2,
)
# What a charset names is looked up among Python's codecs, of which some make half characters or none.
kinds = st.sampled_from(
    [b"multipart/form-data; boundary=B"] * 6
    + [b"multipart/form-data", b"multipart/form-data; boundary=", b"application/x-www-form-urlencoded", b"text/plain"]
    + [b"multipart/form-data; boundary=B; charset=" + charset
       for charset in (b"utf-16", b"unicode_escape", b"undefined", b"idna", b"zlib", b"\x00", b"no-such", b"utf-7")]
)  # fmt: skip
PICTURE = made_up_picture("PNG")
contents = st.one_of(
    st.binary(max_size=200), st.sampled_from([b"", PICTURE, PICTURE[:400], b"%PDF-1.7\n" + b"x" * 200, b"\\ud800"])
)


@st.composite
def form_parts(draw: st.DrawFn, ids: Sequence[str]) -> bytes:
    """A part of a form: one of ours, or nearly."""
    name = draw(st.sampled_from(["file", "file", "assessmentId", "purpose", "purpose"]) | odd_text)
    if name == "file" and draw(st.integers(0, 5)):
        filename = draw(odd_text).replace('"', "%22")
        return f'Content-Disposition: form-data; name="file"; filename="{filename}"\r\n\r\n'.encode() + draw(contents)
    values = {
        "assessmentId": st.sampled_from(list(ids)),
        "purpose": st.sampled_from([each.value for each in FilePurpose]),
    }
    value = draw(values.get(name, odd_text) | odd_text)
    line = f'Content-Disposition: form-data; name="{name}"' if draw(st.integers(0, 9)) else draw(odd_text)
    return f"{line}\r\n\r\n{value}".encode(errors="surrogatepass")


@st.composite
def forms(draw: st.DrawFn, ids: Sequence[str]) -> tuple[list[Header], list[bytes], bool]:
    """Headers and body of a form: all that is asked for, with odd contents, or anything, whole or torn."""
    purpose = draw(st.sampled_from([each.value for each in FilePurpose]))
    fields = {"assessmentId": ids[0], "purpose": purpose}
    parts = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{text}'.encode() for name, text in fields.items()]
    named = draw(odd_text).replace('"', "%22").replace("\r\n", "")
    parts.append(f'Content-Disposition: form-data; name="file"; filename="{named}"\r\n\r\n'.encode() + draw(contents))
    kind, torn, odd = b"multipart/form-data; boundary=B", False, []
    if draw(st.booleans()):
        parts = [*draw(st.lists(form_parts(ids), max_size=3)), *parts][: draw(st.integers(0, 6))]
        kind, odd, torn = draw(kinds), draw(odd_headers), draw(st.booleans())
    body = b"".join(b"--B\r\n" + part + b"\r\n" for part in parts) + b"--B--\r\n"
    cut = draw(st.integers(0, len(body)))
    chunks = [body[:cut]] if torn else [body[:cut], body[cut:]]
    length = str(len(b"".join(chunks))).encode()
    return [*odd, (b"content-type", kind), (b"content-length", length)], chunks, draw(st.booleans()) and torn


def test_forms_of_any_shape(asked: Asked) -> None:
    bearer = (b"authorization", f"Bearer {asked.token}".encode())
    writer = (b"attempt-token", asked.attempt_token.encode())
    paths = ["/files", "/files", f"/attempts/{asked.ids[1]}/frames", f"/attempts/{asked.ids[1]}/captures"]
    statuses: set[int] = set()

    @few
    @given(
        forms(asked.ids),
        st.sampled_from(paths),
        st.sampled_from([[bearer], [bearer], [writer], [], [(b"authorization", b"\xff")]]),
    )
    def ask(form: tuple[list[Header], list[bytes], bool], path: str, who: list[Header]) -> None:
        headers, chunks, torn = form
        answer = asked.ask("POST", path, [*who, *headers], chunks, torn=torn)
        check(answer)
        statuses.add(answer.status)

    ask()
    # It tried more than the door.
    assert {400, 401, 413, 422} <= statuses, statuses


identities = st.one_of(
    odd_text, st.binary(max_size=12).map(lambda raw: raw.decode("latin-1")),
    st.builds(encode_id, st.sampled_from(["File", "Document", "FaceImage", "x\x00"]), st.integers(-1, 2**64)),
)  # fmt: skip


def test_downloads_and_the_check_page_by_any_name(asked: Asked) -> None:
    bearer = (b"authorization", f"Bearer {asked.token}".encode())

    @few
    @given(
        st.sampled_from(["/files/{}", "/faces/{}", "/documents/{}.pdf", "/check/{}"]),
        identities | st.sampled_from(asked.ids),
        st.sampled_from(
            [
                "",
                "?signature=x&expires=y",
                f"?account={encode_id('Account', 1)}&expires=1800000000&signature={'00' * 32}",
                "?expires=9" + "9" * 30 + "&signature=%00&account=%ff",
            ]
        ),
        odd_headers,
        st.booleans(),
    )
    def ask(path: str, identity: str, query: str, headers: list[Header], known: bool) -> None:
        # A slash would be another path.
        named = quote(identity.replace("/", "_") or "_", safe="", errors="replace")
        answer = asked.ask("GET", path.format(named) + query, [*([bearer] if known else []), *headers])
        check(answer, html=path.startswith("/check"))
        assert answer.status >= 400

    ask()


any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
verdicts = st.fixed_dictionaries(
    {},
    optional={
        "session": st.just("session") | any_json,
        "event": st.text(max_size=5) | st.sampled_from(["1", "\x00", "\ud800", "e" * 200]) | any_json,
        "finding": st.sampled_from(["PASSED", "VIOLATION"]) | any_json,
        "at": st.sampled_from(
            ["2026-06-01T10:00:00+08:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2026-06-01", "now"]
        )
        | any_json,
        "remark": st.text(max_size=5) | st.sampled_from(["\x00", "\udfff", "r" * 5000]) | any_json,
    },
)


def test_signed_verdicts_that_say_anything(asked: Asked) -> None:
    now = int(asked.app.state.environment.clock.now().timestamp())
    good = {"session": "session", "finding": "PASSED", "at": "2026-06-01T09:00:00+08:00"}
    statuses: set[int] = set()

    def one_of_ours(found: dict[str, Any]) -> bytes:
        return json.dumps({**good, **found}).encode()

    @few
    @given(
        st.sampled_from(["1", "\u8003" * 80, "e 2"]).map(lambda event: {"event": event}).map(one_of_ours)
        | verdicts.map(one_of_ours)
        | st.binary(max_size=60),
        st.sampled_from([0, 0, 0, 10**6]),
        st.sampled_from([True, True, True, False]),
        odd_headers,
    )
    def ask(body: bytes, late: int, signed: bool, headers: list[Header]) -> None:
        signature = sign_callback(MOCK_SECRET, now - late, body) if signed else "x"
        own = [(TIMESTAMP_HEADER, str(now - late)), (SIGNATURE_HEADER, signature)]
        sent = [*((name.lower().encode(), value.encode()) for name, value in own), *headers]
        answer = asked.ask("POST", VERDICT_PATH, sent, [body])
        check(answer)
        statuses.add(answer.status)

    ask()
    assert {201, 401, 422} <= statuses, statuses
