"""/healthz: the process answers. /readyz: the database answers and no migration is missing."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dingkao.db.database import fetch
from dingkao.db.migrations import pending
from dingkao.environment import Environment
from dingkao.migrations import CORE_MIGRATIONS


async def healthz(request: Request) -> Response:
    """Always 200 while the process runs."""
    return JSONResponse({"status": "ok"})


async def readyz(request: Request) -> Response:
    """200 when requests can be served, 503 with the reason otherwise."""
    environment: Environment = request.app.state.environment
    try:
        await fetch("SELECT 1 AS one")
        missing = await pending([CORE_MIGRATIONS, *environment.registry.migrations])
    except Exception as error:
        return JSONResponse({"status": "database unreachable", "error": type(error).__name__}, status_code=503)
    if missing:
        return JSONResponse({"status": "migrations missing", "missing": missing}, status_code=503)
    return JSONResponse({"status": "ready"})
