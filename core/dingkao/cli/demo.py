"""`dingkao demo`: a demo province, ready to try, on this machine."""

import asyncio
import json
from typing import TYPE_CHECKING, Annotated, Final

import typer

from dingkao.cli.console import new_table, output, say
from dingkao.cli.serving import HOST, PORT, HostOption, PortOption

if TYPE_CHECKING:
    from dingkao.demo.province import DemoAccount
    from dingkao.settings import Settings

# What a newcomer pastes first: it needs the account's own words and nothing else.
_LOG_IN: Final = """mutation LogIn($input: LogInInput!) {
  logIn(input: $input) {
    ... on SessionStarted { token firstLogin viewer { name } }
    ... on ValidationProblem { message }
  }
}"""

# Who tries the demo asks for codes again and again from one address; no phone rings.
_DEMO_LIMITS: Final = {"sms_code_interval_seconds": 3, "sms_codes_address_day": 5000}


def demo(
    host: HostOption = HOST,
    port: PortOption = PORT,
    reset: Annotated[
        bool, typer.Option("--reset", help="First delete the database and files of earlier runs in ./var.")
    ] = False,
    prepare_only: Annotated[
        bool, typer.Option("--prepare-only", help="Make or complete the demo province, and end without serving.")
    ] = False,
) -> None:
    """Make a demo province in ./var and serve it: an address, accounts and a first query to try. 演示

    An SQLite database with a made-up province, its institutions, doctors and questions, and a seal that says
    演示用章. A second run keeps what is there. All people and numbers in it are invented.
    """
    from dingkao.cli.demo_folder import delete_demo
    from dingkao.cli.serving import build_application, refuse_taken_port, run_server
    from dingkao.settings import load_settings

    settings = load_settings()
    if reset or not prepare_only:
        # Before anything is deleted: a server that runs here may be the one whose database this is.
        refuse_taken_port(host, port)
    if reset:
        for path in delete_demo(settings):
            say(f"deleted {path}")
    settings = _demo_settings(settings, host, port)
    accounts = asyncio.run(_prepare(settings))
    application = None if prepare_only else build_application(settings)
    _print_guide(accounts, f"http://{host}:{port}")
    if application is not None:
        run_server(application, settings, host, port)


def _demo_settings(settings: "Settings", host: str, port: int) -> "Settings":
    from pydantic import SecretStr

    from dingkao.cli.demo_folder import ensure_seal_key
    from dingkao.cli.keys import ensure_keys
    from dingkao.clock import SystemClock

    ensure_keys(settings)
    changes: dict[str, object] = {}
    if settings.seal_key is None:
        key, passphrase = ensure_seal_key(_authority_name(), SystemClock().now())
        changes |= {"seal_key": key, "seal_passphrase": SecretStr(passphrase)}
    if "public_url" not in settings.model_fields_set:
        changes["public_url"] = f"http://{host}:{port}"
    changes |= {name: value for name, value in _DEMO_LIMITS.items() if name not in settings.model_fields_set}
    if "log_format" not in settings.model_fields_set:
        changes["log_format"] = "text"
    return settings.model_copy(update=changes)


def _authority_name() -> str:
    from dingkao.demo.people import AUTHORITY
    from dingkao.demo.province import ORGANISATIONS

    return next(name for code, name, _, _ in ORGANISATIONS if code == AUTHORITY)


async def _prepare(settings: "Settings") -> "list[DemoAccount]":
    from dingkao.application import build_environment
    from dingkao.cli.opening import all_migrations, apply_migrations, open_database
    from dingkao.demo.province import ensure_demo

    environment = build_environment(settings)
    async with open_database(environment.database):
        await apply_migrations(all_migrations(environment.registry))
        return list(await ensure_demo(environment))


def _print_guide(accounts: "list[DemoAccount]", address: str) -> None:
    table = new_table("Login name", "Password", "Role", "Person", title="Accounts 账户")
    for account in accounts:
        table.add_row(account.login_name, account.password, account.role, account.person)
    console = output()
    console.print(f"\n[bold]Explorer 接口浏览器[/]  {address}/graphql\n")
    console.print(table)
    first = accounts[0]
    variables = {"input": {"documentNumber": first.login_name, "password": first.password}}
    body = json.dumps({"query": " ".join(_LOG_IN.split()), "variables": variables}, ensure_ascii=False)
    console.print("\n[bold]A first query 第一个请求[/], to paste into a terminal:\n")
    # Not through rich: a line that is to be pasted must not be folded.
    say(f"curl -s {address}/graphql -H 'Content-Type: application/json' -d '{body}'\n")
