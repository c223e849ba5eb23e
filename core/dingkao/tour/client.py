"""One account of the server, as a client program sees it: the operations of clients/operations, uploads, downloads."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx
from rich.cells import set_cell_size
from rich.console import Console
from rich.text import Text

from dingkao.web.operations import load_operations

OPERATIONS: Mapping[str, str] = {operation.name: operation.text for operation in load_operations()}

# What an answer comes to, in words: a sentence, or how to make one from the answer.
Outcome = str | Callable[[Any], str]


class WrongAnswer(Exception):
    """The server answered something else than the manual says."""

    def __init__(self, who: str, operation: str, expected: str, came: object) -> None:
        super().__init__(f"{who}, {operation}: expected {expected}, came {came}")
        self.who = who
        self.operation = operation
        self.expected = expected
        self.came = came


class Report:
    """Prints each step: its number, who, which operation, and the outcome."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.steps = 0

    def chapter(self, title: str) -> None:
        """Begin a part of the way."""
        self.console.rule(Text(title, style="bold"), align="left")

    def step(self, who: str, operation: str, outcome: str, *, refused: bool = False) -> None:
        """One answer that was as it should be."""
        self.steps += 1
        line = Text.assemble(
            (f"{self.steps:4} ", "dim"),
            (set_cell_size(who, 12), "cyan"),
            (set_cell_size(operation, 26), "bold"),
            ("✗ " if refused else "✓ ", "yellow" if refused else "green"),
            outcome,
        )
        self.console.print(line, soft_wrap=True)


class Account:
    """A client of one account: it holds the token and runs operations by their names."""

    def __init__(self, who: str, http: httpx.Client, report: Report) -> None:
        self.who = who
        self.token: str | None = None
        self.refresh_token: str | None = None
        self.password: str | None = None
        self._http = http
        self._report = report

    def do(self, operation: str, success: str, outcome: Outcome, /, **variables: Any) -> Any:
        """Run a mutation that must answer with the type `success`; returns its value. Raises WrongAnswer."""
        body = self._post(operation, variables)
        value = _root(body)
        if body.get("errors") or value is None or value["__typename"] != success:
            raise WrongAnswer(self.who, operation, success, body.get("errors") or value)
        self._report.step(self.who, operation, outcome if isinstance(outcome, str) else outcome(value))
        return value

    def read(self, operation: str, outcome: Outcome, /, **variables: Any) -> Any:
        """Run an operation that must answer without an error; returns its first field's value. Raises WrongAnswer."""
        body = self._post(operation, variables)
        if body.get("errors"):
            raise WrongAnswer(self.who, operation, "an answer", body["errors"])
        value = _root(body)
        self._report.step(self.who, operation, outcome if isinstance(outcome, str) else outcome(value))
        return value

    def refused(self, operation: str, *codes: str, **variables: Any) -> Any:
        """Run an operation that must be refused with all of `codes` (none: with any), each with a Chinese sentence;
        returns the whole answer. Raises WrongAnswer."""
        body = self._post(operation, variables)
        return self._check_refusal(operation, codes, _refusals(body), body)

    def upload(self, assessment_id: str, purpose: str, name: str, data: bytes, outcome: str) -> str:
        """POST /files, as wx.uploadFile does; returns the file's id. Raises WrongAnswer."""
        response = self._send_file(assessment_id, purpose, name, data)
        if response.status_code != httpx.codes.CREATED:
            raise WrongAnswer(self.who, "POST /files", "201", f"{response.status_code} {response.text}")
        self._report.step(self.who, "POST /files", outcome)
        return str(response.json()["id"])

    def upload_refused(self, assessment_id: str, purpose: str, name: str, data: bytes, *codes: str) -> None:
        """An upload that must be refused with all of `codes`. Raises WrongAnswer."""
        response = self._send_file(assessment_id, purpose, name, data)
        body = self._json("POST /files", response)
        found = [(error["code"], error["message"]) for error in body.get("errors", [])]
        self._check_refusal("POST /files", codes, found, body)

    def download(self, address: str, outcome: str, *, token: bool = True) -> bytes:
        """GET a file or a document by the address the server gave; returns its bytes. Raises WrongAnswer."""
        response = self.get(address, token=token)
        if response.status_code != httpx.codes.OK:
            raise WrongAnswer(self.who, f"GET {_path(address)}", "200", f"{response.status_code} {response.text}")
        self._report.step(self.who, "GET", outcome)
        return response.content

    def get(self, address: str, *, token: bool = True) -> httpx.Response:
        """GET an address of this server. The public address it names may be another than the one the tour reaches."""
        return self._http.get(_path(address), headers=self._headers() if token else {})

    def equal(self, operation: str, what: str, came: object, expected: object) -> None:
        """Check one thing in an answer. Raises WrongAnswer."""
        if came != expected:
            raise WrongAnswer(self.who, operation, f"{what}: {expected}", came)

    def holds(self, operation: str, what: str, came: str, *words: str) -> None:
        """Check that a text holds all of `words`. Raises WrongAnswer."""
        missing = [word for word in words if word not in came]
        if missing:
            raise WrongAnswer(self.who, operation, f"{what} with {'、'.join(missing)}", came)

    def _check_refusal(self, operation: str, codes: tuple[str, ...], found: list[tuple[str, str]], body: Any) -> Any:
        messages = dict(found)
        if not found or not set(codes) <= set(messages):
            raise WrongAnswer(self.who, operation, f"a refusal with {', '.join(codes) or 'any code'}", body)
        shown = codes or tuple(messages)
        for code in shown:
            if not any("\u4e00" <= letter <= "\u9fff" for letter in messages[code]):
                raise WrongAnswer(self.who, operation, f"a Chinese sentence for {code}", messages[code])
        outcome = "；".join(f"{code} {messages[code]}" for code in shown)
        self._report.step(self.who, operation, outcome, refused=True)
        return body

    def _post(self, operation: str, variables: Mapping[str, Any]) -> Any:
        body = self._post_once(operation, variables)
        if self.password is not None and "STEP_UP_REQUIRED" in dict(_refusals(body)):
            # As a client does: it asks for the password, and repeats what was asked.
            self._post_once("ConfirmIdentity", {"input": {"password": self.password}})
            body = self._post_once(operation, variables)
        return body

    def _post_once(self, operation: str, variables: Mapping[str, Any]) -> Any:
        response = self._http.post(
            "/graphql",
            json={"query": OPERATIONS[operation], "operationName": operation, "variables": variables},
            headers=self._headers(),
        )
        body = self._json(operation, response)
        if response.status_code != httpx.codes.OK:
            raise WrongAnswer(self.who, operation, "status 200", body)
        return body

    def _json(self, operation: str, response: httpx.Response) -> Any:
        try:
            return response.json()
        except ValueError:
            raise WrongAnswer(self.who, operation, "JSON", f"{response.status_code} {response.text}") from None

    def _send_file(self, assessment_id: str, purpose: str, name: str, data: bytes) -> httpx.Response:
        return self._http.post(
            "/files",
            data={"assessmentId": assessment_id, "purpose": purpose},
            files={"file": (name, data)},
            headers=self._headers(),
        )

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


def _root(body: Mapping[str, Any]) -> Any:
    """The value of the operation's first root field; None where there is no data."""
    data = body.get("data")
    return next(iter(data.values())) if data else None


def _refusals(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Every code in an answer with its sentence: of top-level errors, of the problem, its fields and its reasons."""
    found = [(error["extensions"]["code"], error["message"]) for error in body.get("errors", [])]
    value = _root(body)
    if isinstance(value, dict) and value.get("__typename", "").endswith("Problem"):
        problems = [value, *value.get("fields", ()), *value.get("reasons", ())]
        found += [(problem["code"], problem["message"]) for problem in problems]
    return found


def _path(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
