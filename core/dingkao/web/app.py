"""The ASGI application."""

import asyncio
import contextlib
import os
import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute, Route, WebSocketRoute

from dingkao.accounts.graphql import AUTHENTICATION_FIELDS
from dingkao.accounts.notices import finish_sending
from dingkao.admission import Admission
from dingkao.application import build_environment
from dingkao.audit.refusals import RefusalLog
from dingkao.clock import Clock
from dingkao.crypto.ring import CryptoError
from dingkao.db.lease import take_lease
from dingkao.db.migrations import pending
from dingkao.environment import Environment
from dingkao.host.loading import FoundPlugin
from dingkao.host.schema import AssembledSchema
from dingkao.host.services import CoreServices
from dingkao.logs import get_logger
from dingkao.migrations import CORE_MIGRATIONS
from dingkao.papers.absence import settle_all_ended
from dingkao.papers.graphql.operations import LANES
from dingkao.papers.marks import mark_submitted
from dingkao.papers.picture_store import remove_abandoned_pictures
from dingkao.papers.settling import settle_expired
from dingkao.policy.effective import refuse_clashing_layers
from dingkao.proctoring.deletion import delete_due_faces
from dingkao.proctoring.sessions import tell_proctor
from dingkao.proctoring.subjects import load_subject_secret
from dingkao.registry import Registry
from dingkao.results.service import finalise_due
from dingkao.schema import assemble
from dingkao.settings import Settings, load_settings
from dingkao.web.bank import bank_routes
from dingkao.web.check import check_routes
from dingkao.web.execution import Executor
from dingkao.web.explorer import Explorer
from dingkao.web.files import file_routes
from dingkao.web.graphql_http import GraphQLEndpoint
from dingkao.web.health import healthz, readyz
from dingkao.web.limits import Limits, Most
from dingkao.web.middleware import GRAPHQL_PATH, RequestMiddleware
from dingkao.web.operations import explorer_log_in, explorer_tabs
from dingkao.web.proctoring import ATTEMPT_TOKEN_HEADER, proctoring_routes
from dingkao.web.session_keeping import keep_sessions, write_at_the_end
from dingkao.web.sockets import SocketEndpoint
from dingkao.web.trusted_documents import load_trusted_documents

_log = get_logger("dingkao.server")

# How long one worker may be busy with a slow service before another one takes its place.
WATCH_SECONDS = 60.0
# How long a server that stops waits for messages that it has begun to send: a gateway's time limit, twice.
NOTICES_SECONDS = 10.0
# Between two looks for faces whose time is over.
FACES_SECONDS = 600.0


class MigrationsMissing(RuntimeError):
    """The database is not at this version; the message says what to run."""


def create_app(
    settings: Settings | None = None,
    *,
    clock: Clock | None = None,
    plugins: list[FoundPlugin] | None = None,
    registry: Registry | None = None,
    schema_of: Callable[[Registry], AssembledSchema] = assemble,
) -> Starlette:
    """The application. Raises BadSettings, PluginRefused, BadDatabaseUrl; when it starts up MigrationsMissing, and
    PolicyError where layers of plugins do not go together in the region tree. `registry` (what `load_registry` gave)
    and `schema_of` (what assembles the schema) let tests share them among many applications."""
    environment = build_environment(settings or load_settings(), clock=clock, plugins=plugins, registry=registry)
    admission = build_admission(environment.settings)
    explorer = Explorer(explorer_tabs(), log_in=explorer_log_in()) if environment.settings.explorer else None
    executor = build_executor(schema_of(environment.registry), environment.settings)
    services, documents = CoreServices(environment), load_trusted_documents(environment.settings)
    refusals = RefusalLog(environment)
    endpoint = GraphQLEndpoint(environment, executor, services, explorer, documents, admission, refusals)
    sockets = SocketEndpoint(environment, executor, services, documents)
    routes: list[BaseRoute] = [
        Route(GRAPHQL_PATH, endpoint.__call__, methods=["GET", "POST"]),
        WebSocketRoute(GRAPHQL_PATH, sockets.__call__),
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        *file_routes(),
        *bank_routes(),
        *proctoring_routes(),
        *check_routes(),
        *(explorer.routes() if explorer else []),
    ]
    app = Starlette(
        routes=routes,
        middleware=_middleware(environment),
        lifespan=_lifespan,
    )
    # A redirect would repeat whatever host name the request bore.
    app.router.redirect_slashes = False
    app.state.environment = environment
    app.state.refusals = refusals
    return app


def build_executor(schema: AssembledSchema, settings: Settings) -> Executor:
    """What runs operations: on the schema of core and plugins, within the limits of the settings."""
    limits = Limits(schema._schema, AUTHENTICATION_FIELDS, Most.of(settings))
    introspection = settings.explorer if settings.introspection is None else settings.introspection
    return Executor(
        schema,
        limits,
        introspection=introspection,
        query_seconds=settings.query_seconds,
        lanes=LANES,
    )


def build_admission(settings: Settings) -> Admission:
    """The door in front of one process's executor."""
    return Admission(
        settings.most_running, settings.most_waiting, settings.longest_wait_seconds, most_saving=settings.most_saving
    )


def _middleware(environment: Environment) -> list[Middleware]:
    """The request's own comes first: it also logs what CORS answers."""
    middleware = [Middleware(RequestMiddleware, environment=environment)]
    if environment.settings.cors_origins:
        # Tokens travel in a header, never in a cookie, so that no credentials are allowed.
        middleware.append(
            Middleware(
                CORSMiddleware,
                allow_origins=environment.settings.cors_origins,
                allow_methods=["GET", "POST"],
                allow_headers=["Authorization", "Content-Type", "Accept-Language", ATTEMPT_TOKEN_HEADER],
                expose_headers=["X-Request-Id", "Retry-After"],
                max_age=600,
            )
        )
    return middleware


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    environment: Environment = app.state.environment
    async with environment.database.session():
        missing = await pending([CORE_MIGRATIONS, *environment.registry.migrations])
        if missing:
            raise MigrationsMissing(f"the database lacks {', '.join(missing)}; run `dingkao migrate`")
        await refuse_clashing_layers(environment.policies)
        with contextlib.suppress(CryptoError):
            # Nobody's first attempt waits for it. Without its key everything else still works.
            await load_subject_secret(environment)
        tasks = (_sweep(environment), _watch(environment), keep_sessions(environment))
        workers = [asyncio.create_task(task) for task in tasks]
        try:
            yield
        finally:
            for worker in workers:
                worker.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await worker
            unsent = await finish_sending(NOTICES_SECONDS)
            if unsent:
                _log.warning("messages were not sent before the server stopped", messages=unsent)
            await write_at_the_end(environment)


def _holder() -> str:
    return f"{socket.gethostname()[:30]}:{os.getpid()}:{secrets.token_hex(4)}"


async def _watch(environment: Environment) -> None:
    """Tell the proctoring service what it has not heard yet, delete faces whose time is over and pictures of imports
    that were never finished; apart from the sweeper, which waits for no service. One of many workers at a time."""
    holder = _holder()
    turn = environment.settings.sweep_seconds
    faces_at = time.monotonic()
    while True:
        await asyncio.sleep(turn)
        try:
            if not await take_lease("proctor", holder, environment.clock.now(), max(3 * turn, WATCH_SECONDS)):
                continue
            await tell_proctor(environment)
            if time.monotonic() >= faces_at:
                faces_at = time.monotonic() + FACES_SECONDS
                deleted = await delete_due_faces(environment)
                if deleted.images or deleted.left:
                    _log.info("faces deleted", images=deleted.images, left=deleted.left)
                await remove_abandoned_pictures(environment)
        except Exception as error:
            _log.error("proctoring worker failed", exc_info=error)


async def _sweep(environment: Environment) -> None:
    """Settle attempts whose time is up, mark what is not marked yet and finish objection periods, again and again; a
    failure is logged. Of many workers one does so at a time; where it goes, another one follows within three turns."""
    holder = _holder()
    turn = environment.settings.sweep_seconds
    while True:
        await asyncio.sleep(turn)
        try:
            if not await take_lease("sweeper", holder, environment.clock.now(), 3 * turn):
                continue
            settled = await settle_expired(environment)
            marked = await mark_submitted(environment)
            ended = await settle_all_ended(environment)
            final = await finalise_due(environment)
        except Exception as error:
            _log.error("sweep failed", exc_info=error)
            continue
        if settled or marked or ended or final:
            _log.info("swept", attempts=settled, marked=marked, papers=ended, results=final)
