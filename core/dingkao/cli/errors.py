"""What a person at the command line did not get right, said in one line: no traceback, exit code 1 or 2."""

import sqlite3
from typing import Final

import typer

WRONG_USE: Final = 2
"""Exit code for a mistake in the command or in the settings: nothing was tried."""

FAILED: Final = 1
"""Exit code for a command that was understood and could not be carried out."""


class CommandFailed(Exception):
    """A command cannot go on; the message is one line that says why and what to do."""

    def __init__(self, message: str, exit_code: int = FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def explain(error: BaseException) -> tuple[str, int] | None:
    """The line to print (empty where all is said) and the exit code for an error that a person can mend; None for a
    mistake in the program."""
    if isinstance(error, CommandFailed):
        return str(error), error.exit_code
    if isinstance(error, typer.TyperException):
        return _explain_usage(error), error.exit_code
    # Imported here: neither `--help` nor a mistyped command must wait for the whole application.
    from dingkao.audit.checkpoints import ChainBroken
    from dingkao.audit.retention import HoldInForce, TooYoung
    from dingkao.audit.signing import BadSignature
    from dingkao.crypto.ring import CryptoError
    from dingkao.db.database import BadDatabaseUrl
    from dingkao.db.migrations import MigrationChanged
    from dingkao.documents.errors import DocumentError
    from dingkao.host.loading import PluginRefused
    from dingkao.plugin.errors import Refusal
    from dingkao.plugin.ports import PortFailed
    from dingkao.settings import BadSettings

    if isinstance(error, BadSettings | BadDatabaseUrl):
        return str(error), WRONG_USE
    if isinstance(error, PluginRefused | MigrationChanged | CryptoError | DocumentError | PortFailed | Refusal):
        return str(error), FAILED
    if isinstance(error, ChainBroken | BadSignature | TooYoung | HoldInForce):
        return str(error), FAILED
    if isinstance(error, OSError):
        return _explain_system_error(error), FAILED
    return None


def explain_database_error(error: BaseException) -> str | None:
    """Why a database cannot be opened, in a few words; None where the error is not about that."""
    import asyncpg

    if isinstance(error, asyncpg.InvalidPasswordError | asyncpg.InvalidAuthorizationSpecificationError):
        return "the server refuses this user or password"
    if isinstance(error, asyncpg.InvalidCatalogNameError):
        return "the server has no database of this name"
    if isinstance(error, TimeoutError):
        return "the server does not answer"
    if isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError | sqlite3.Error | ValueError):
        return one_line(str(error))
    if isinstance(error, OSError):
        return _explain_system_error(error)
    return None


def one_line(text: str) -> str:
    """`text` with every run of white space, line breaks among them, as one space."""
    return " ".join(text.split())


def _explain_usage(error: typer.TyperException) -> str:
    message = one_line(error.format_message())
    if not message:  # a group that was called without a command has shown its help
        return ""
    command = getattr(getattr(error, "ctx", None), "command_path", "dingkao")
    return f"{message} (see `{command} --help`)"


def _explain_system_error(error: OSError) -> str:
    reason = error.strerror or one_line(str(error)) or type(error).__name__
    return f"{error.filename}: {reason}" if error.filename else reason
