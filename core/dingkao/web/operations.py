"""The operations that clients copy: `clients/operations/*.graphql`, shipped in the package for explorer and tour."""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from dingkao.web.explorer import ExplorerLogIn, ExplorerRefresh, ExplorerTab

_NAME = re.compile(r"^(query|mutation|subscription)\s+(\w+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Operation:
    """One file: its name (`01_log_in`), the operation's kind and name, its text, and example variables from its
    comments."""

    file: str
    kind: str
    name: str
    text: str
    variables: str


def _folder() -> Path:
    """In a wheel the files lie inside the package; in a checkout in the clients folder beside it."""
    packaged = Path(str(files("dingkao"))) / "operations"
    return packaged if packaged.is_dir() else Path(str(files("dingkao"))).parents[1] / "clients" / "operations"


def load_operations() -> list[Operation]:
    """Every operation, in the order of the files' names."""
    return list(_operations())


@cache
def _operations() -> tuple[Operation, ...]:
    operations = []
    for path in sorted(_folder().glob("*.graphql")):
        text = path.read_text(encoding="utf-8")
        found = _NAME.search(text)
        if found is None:
            raise ValueError(f"{path.name} holds no named operation")
        variables = [line.removeprefix("# variables:").strip() for line in text.splitlines() if "# variables:" in line]
        operations.append(Operation(path.stem, found.group(1), found.group(2), text, variables[0] if variables else ""))
    return tuple(operations)


def explorer_tabs() -> list[ExplorerTab]:
    """The operations as the explorer's tabs; it asks over HTTP, so that subscriptions are not among them."""
    return [
        ExplorerTab(operation.name, operation.text, operation.variables)
        for operation in load_operations()
        if operation.kind != "subscription"
    ]


def explorer_log_in() -> ExplorerLogIn:
    """The login that the explorer's box runs, and how it keeps the session."""
    query = """mutation LogIn($input: LogInInput!) {
  logIn(input: $input) {
    ... on SessionStarted { token refreshToken firstLogin }
    ... on ValidationProblem { message fields { path code message } }
  }
}"""
    refresh = ExplorerRefresh(
        """mutation RefreshSession($input: RefreshSessionInput!) {
  refreshSession(input: $input) { token refreshToken }
}""",
        of_log_in_path=["logIn", "refreshToken"],
        token_path=["refreshSession", "token"],
        refresh_token_path=["refreshSession", "refreshToken"],
    )
    return ExplorerLogIn(query, token_path=["logIn", "token"], refresh=refresh)
