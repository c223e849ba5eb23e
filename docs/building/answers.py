"""Blocks made of the operations' files and of real answers."""

import json
from collections.abc import Mapping

from building.blocks import Maker
from building.recorder import ADDRESS, OPERATIONS, Exchange, shown_json
from dingkao.web.operations import load_operations

_FILES = {operation.name: operation.file for operation in load_operations()}


def makers(exchanges: Mapping[str, Exchange]) -> Mapping[str, Maker]:
    """The makers `operation`, `answer`, `refusal`, `request` and `operations`."""

    def operation(name: str) -> str:
        """The operation's file as clients copy it, without its line of example variables."""
        lines = [line for line in OPERATIONS[name].strip().splitlines() if not line.startswith("# variables:")]
        return f"`clients/operations/{_FILES[name]}.graphql`\n\n" + _fence("graphql", "\n".join(lines))

    def answer(name: str) -> str:
        """The variables that were sent and what came back."""
        exchange = exchanges[name]
        if "link" in exchange.variables and not exchange.query:
            return _link(exchange)
        if not exchange.query:
            return _upload(exchange)
        sent = f"Variables:\n\n{_fence('json', shown_json(exchange.variables))}\n\n" if exchange.variables else ""
        return f"{sent}Answer:\n\n{_fence('json', shown_json(exchange.answer))}"

    def refusal(name: str) -> str:
        """What came back alone, where the request says nothing that the text beside it does not."""
        return _fence("json", shown_json(exchanges[name].answer))

    def request(name: str) -> str:
        """The request as a line for the shell, and the answer."""
        exchange = exchanges[name]
        body = {"query": _plain(exchange.query), "variables": dict(exchange.variables)}
        if not exchange.variables:
            del body["variables"]
        header = ' \\\n  -H "Authorization: Bearer $TOKEN"' if exchange.token else ""
        line = f"curl -s {ADDRESS}/graphql -H 'Content-Type: application/json'{header} \\\n"
        text = json.dumps(body, ensure_ascii=False).replace("'", "'\\''")
        command = f"{line}  -d '{text}'"
        return f"{_fence('sh', command)}\n\n{_fence('json', shown_json(exchange.answer))}"

    def operations() -> str:
        """Every operation with the first line of its explanation."""
        rows = ["| file | operation | |", "| --- | --- | --- |"]
        for name, text in OPERATIONS.items():
            kind = "mutation" if f"\nmutation {name}" in text else "query"
            sentence = text.splitlines()[0].removeprefix("# ").split(" Who: ")[0]
            rows.append(f"| `{_FILES[name]}` | {kind} `{name}` | {sentence} |")
        return "\n".join(rows)

    return {
        "operation": operation,
        "answer": answer,
        "refusal": refusal,
        "request": request,
        "operations": operations,
    }


def _upload(exchange: Exchange) -> str:
    fields = " \\\n".join(f"  -F '{name}={value}'" for name, value in exchange.variables.items())
    line = f'curl -s {ADDRESS}{exchange.path} -H "Authorization: Bearer $TOKEN" \\\n{fields}'
    return f"{_fence('sh', line)}\n\nStatus {exchange.status}:\n\n{_fence('json', shown_json(exchange.answer))}"


def _link(exchange: Exchange) -> str:
    line = f"curl -s '{ADDRESS}{exchange.variables['link']}'"
    if "errors" in exchange.answer:
        shown = _fence("json", shown_json(exchange.answer))
    else:
        shown = _fence("", "\n".join(f"{name}: {value}" for name, value in exchange.answer.items()))
    return f"{_fence('sh', line)}\n\nStatus {exchange.status}:\n\n{shown}"


def _plain(text: str) -> str:
    """An operation on one line, without its comments."""
    return " ".join(" ".join(line for line in text.splitlines() if not line.startswith("#")).split())


def _fence(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"
