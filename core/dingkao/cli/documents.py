"""`dingkao documents`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from dingkao.cli.console import say
from dingkao.cli.errors import CommandFailed


def documents(
    sources: Annotated[
        list[Path], typer.Argument(help="A client's .graphql files, or folders that hold them.", show_default=False)
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The manifest to write.")],
) -> None:
    """Make the manifest of a client's operations, for a server that runs no others. 可信查询清单

    Each file is checked against the schema and the limits of this installation; where one does not hold, nothing is
    written. The server takes it by DINGKAO_DOCUMENTS_MANIFEST and DINGKAO_DOCUMENTS_MODE (log, then enforce).
    """
    from dingkao.application import load_registry
    from dingkao.schema import assemble
    from dingkao.settings import load_settings
    from dingkao.web.app import build_executor
    from dingkao.web.trusted_documents import manifest

    files = _files(sources)
    texts = [(path, path.read_text(encoding="utf-8")) for path in files]
    settings = load_settings()
    executor = build_executor(assemble(load_registry(settings)), settings)
    errors = {path: executor.prepare(text).errors for path, text in texts}
    problems = [f"{path}: {found[0].message}" for path, found in errors.items() if found]
    if problems:
        raise CommandFailed(f"no manifest was written: {'; '.join(problems)}")
    made = manifest([text for _, text in texts])
    output.write_text(json.dumps(made, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    say(f"wrote {output}: {len(made['documents'])} document(s) of {len(files)} file(s)")


def _files(sources: list[Path]) -> list[Path]:
    found: list[Path] = []
    for source in sources:
        inside = sorted(source.rglob("*.graphql")) if source.is_dir() else [source]
        if not inside:
            raise CommandFailed(f"{source} holds no .graphql file")
        found += inside
    return found
