"""`dingkao serve`, and what it shares with `dingkao demo`."""

import asyncio
import errno
import gc
import ipaddress
import socket
import sys
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from dingkao.cli.errors import WRONG_USE, CommandFailed

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from dingkao.settings import Settings

HOST: Final = "127.0.0.1"
PORT: Final = 8000

HostOption = Annotated[str, typer.Option("--host", help="Address to listen on; 0.0.0.0 for every IPv4 address.")]
PortOption = Annotated[int, typer.Option("--port", min=1, max=65535, help="Port to listen on.")]

# How long requests that are running may take to end after SIGTERM.
_SECONDS_TO_END = 30
_SWITCH_SECONDS = 0.0005
# After so many new objects Python looks for circles of garbage, where its 700 would be every third request.
_OBJECTS_BETWEEN_COLLECTIONS = 20_000
# A phone in a test saves an answer every half minute: its connection is kept for the next one.
_SECONDS_IDLE = 75


def serve(
    host: HostOption = HOST,
    port: PortOption = PORT,
    workers: Annotated[
        int, typer.Option("--workers", min=1, max=64, help="Processes that share the port; on PostgreSQL, one a core.")
    ] = 1,
) -> None:
    """Serve the GraphQL API, the files and the explorer over HTTP until SIGTERM or Ctrl-C. 启动服务

    The database must be at this version: run **dingkao migrate** before. Log lines go to standard error. Behind a
    proxy, DINGKAO_TRUSTED_PROXIES names the addresses whose X-Forwarded-For is believed (none by default).
    """
    from dingkao.settings import load_settings

    settings = load_settings()
    refuse_taken_port(host, port)
    refuse_missing_keys(settings, host)
    # Built here also for several workers: what is wrong with settings or plugins is said before one is started.
    application = build_application(settings)
    asyncio.run(_check_database(settings))
    run_server(application, settings, host, port, workers)


def build_application(settings: "Settings") -> "Starlette":
    """The ASGI application for these settings, not yet started. Raises BadSettings, PluginRefused, BadDatabaseUrl."""
    from dingkao.logs import configure_logging
    from dingkao.web.app import create_app
    from dingkao.web.connections import BoundedConnection

    # The server makes a connection of its class by itself: the bounds are this process's.
    BoundedConnection.head_seconds = settings.head_seconds
    configure_logging(settings.log_format, settings.log_level)
    return create_app(settings)


def worker_application() -> "Starlette":
    """The application of one of several workers, from the settings of its environment."""
    from dingkao.settings import load_settings

    application = build_application(load_settings())
    tune_interpreter()
    return application


def run_server(application: "Starlette", settings: "Settings", host: str, port: int, workers: int = 1) -> None:
    """Serve until a signal says to end; running requests may finish. With several workers each builds its own
    application from the environment, and `application` has only shown that this works."""
    import uvicorn

    tune_interpreter()
    uvicorn.run(
        "dingkao.cli.serving:worker_application" if workers > 1 else application,
        factory=workers > 1,
        workers=workers,
        host=host,
        port=port,
        **server_options(settings),
    )


def tune_interpreter() -> None:
    """Set what Python's defaults do badly in a server; to be called once the application is built."""
    # Of a busy process the threads of SQLite get a turn for each statement; with Python's 5 ms one that has twenty
    # statements waits a tenth of a second for its turns alone.
    sys.setswitchinterval(_SWITCH_SECONDS)
    # Modules and schema are half a million objects that live as long as the process: the collector need not go through
    # them again and again, which is a tenth of a busy server's time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, 10, 10)


def server_options(settings: "Settings") -> "dict[str, Any]":
    """How uvicorn serves the application, whatever its address."""
    from dingkao.web.connections import BoundedConnection

    return {
        "loop": "uvloop",
        "http": BoundedConnection,
        # Whose X-Forwarded-… is believed is a setting of ours (DINGKAO_TRUSTED_PROXIES), and no address by default.
        "proxy_headers": False,
        "ws": "auto",
        "ws_max_size": settings.live_message_bytes,
        # What is told live is small; a compressor for each connection would hold more memory than all the rest of it.
        "ws_per_message_deflate": False,
        "lifespan": "on",
        # The request log of the web layer knows the operation and the request's id; uvicorn's does not.
        "access_log": False,
        "log_config": None,
        "log_level": settings.log_level.lower(),
        "server_header": False,
        "timeout_graceful_shutdown": _SECONDS_TO_END,
        "timeout_keep_alive": _SECONDS_IDLE,
    }


def refuse_taken_port(host: str, port: int) -> None:
    """Raises CommandFailed where nothing can listen on `host` and `port`."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except socket.gaierror as error:
        raise CommandFailed(f"{host} is no address of this machine: {error.strerror}", WRONG_USE) from error
    except OSError as error:
        advice = "; end what runs there or choose another --port" if error.errno == errno.EADDRINUSE else ""
        raise CommandFailed(f"cannot listen on {host} port {port}: {error.strerror}{advice}") from error


def refuse_missing_keys(settings: "Settings", host: str) -> None:
    """Raises CommandFailed where the server has no keys, or one that everybody can read in the source and a `host` that
    others can reach."""
    from dingkao.crypto.loading import load_keys
    from dingkao.crypto.ring import KeyRing
    from dingkao.testing.keys import TEST_KEYS

    ids = load_keys(settings).ids
    if not ids:
        raise CommandFailed(
            "there are no keys for personal numbers: set DINGKAO_KEYS or DINGKAO_KEYS_FILE to this server's keys, or, "
            "for a new server, run `dingkao keys new`",
            WRONG_USE,
        )
    if set(ids) & set(KeyRing.of(TEST_KEYS).ids) and not _is_loopback(host):
        raise CommandFailed("the keys are those of the tests, which are published: run `dingkao keys new`", WRONG_USE)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _check_database(settings: "Settings") -> None:
    from dingkao.application import load_registry
    from dingkao.cli.opening import all_migrations, open_database, refuse_pending
    from dingkao.db.database import Database
    from dingkao.plugin.policy import PolicyError
    from dingkao.policies import PolicyBook
    from dingkao.policy.effective import refuse_clashing_layers

    registry = load_registry(settings)
    async with open_database(Database(settings.database_url)):
        await refuse_pending(all_migrations(registry))
        try:
            await refuse_clashing_layers(PolicyBook(registry.sections, registry.layers))
        except PolicyError as error:
            raise CommandFailed(f"policy refused: {error}") from error
