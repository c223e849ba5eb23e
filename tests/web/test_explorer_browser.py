"""The explorer, driven in a real browser against a real server: Debian's `chromium` and `chromium-driver`.

Without them the tests are skipped, loudly; under CI=true they fail.
"""

import asyncio
import json
import os
import re
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import httpx
import pytest
import strawberry
import uvicorn
from graphql import GraphQLError, get_operation_ast, parse
from selenium.common.exceptions import StaleElementReferenceException, TimeoutException
from selenium.webdriver import ActionChains, Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.expected_conditions import element_to_be_clickable
from selenium.webdriver.support.wait import WebDriverWait
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from strawberry.types import Info

from dingkao.application import build_environment
from dingkao.db.migrations import migrate
from dingkao.demo.people import DOCTORS
from dingkao.demo.people import PASSWORD as DEMO_PASSWORD
from dingkao.demo.province import ensure_demo
from dingkao.migrations import CORE_MIGRATIONS
from dingkao.settings import Settings
from dingkao.testing.shared import shared_schema
from dingkao.web.app import create_app
from dingkao.web.explorer import Explorer, ExplorerLogIn, ExplorerRefresh, ExplorerTab
from dingkao.web.explorer.build import ExplorerBuildError, build_explorer

ACCOUNT, PASSWORD, TOKEN = "11010119900307002X", "rain-Umbrella-7", "token-of-the-doctor"
WAIT_SECONDS = 30

GREETING = """# 问候一位医师。
query Greeting($name: String!) {
  greeting(name: $name)
}
"""
VIEWER = """# 本人。
query Viewer {
  viewer
}
"""
LOG_IN = """# 登录。
mutation LogIn($input: LogInInput!) {
  logIn(input: $input) {
    ... on LoggedIn { token refreshToken }
    ... on ValidationProblem { message }
  }
}
"""
REFRESH = """mutation Refresh($input: RefreshInput!) {
  refresh(input: $input) { token refreshToken }
}
"""


class Sessions:
    """What the small server knows of tokens: those that are good no more, and the refresh token that is used next."""

    def __init__(self) -> None:
        self.over: set[str] = set()
        self.next_refresh: str | None = "refresh-1"
        self.refreshed = 0


SESSIONS = Sessions()


class NotLoggedIn(GraphQLError):
    """As the real server refuses a token."""

    def __init__(self) -> None:
        super().__init__("请先登录。", extensions={"code": "UNAUTHENTICATED"})


@strawberry.type
class LoggedIn:
    token: str
    refresh_token: str


@strawberry.type
class ValidationProblem:
    message: str


@strawberry.input
class LogInInput:
    document_number: str
    password: str


@strawberry.input
class RefreshInput:
    refresh_token: str


@strawberry.type
class Query:
    @strawberry.field
    def greeting(self, name: str) -> str:
        return f"{name},您好"

    @strawberry.field
    def viewer(self, info: Info[dict[str, str], None]) -> str:
        if info.context["authorization"].removeprefix("Bearer ") in SESSIONS.over:
            raise NotLoggedIn
        return info.context["authorization"]


@strawberry.type
class Mutation:
    @strawberry.mutation
    def log_in(
        self, input: LogInInput
    ) -> Annotated[LoggedIn | ValidationProblem, strawberry.union(name="LogInPayload")]:
        if (input.document_number, input.password) == (ACCOUNT, PASSWORD):
            return LoggedIn(token=TOKEN, refresh_token="refresh-1")
        return ValidationProblem(message="证件号码或密码不正确")

    @strawberry.mutation
    def refresh(self, input: RefreshInput) -> LoggedIn:
        if input.refresh_token != SESSIONS.next_refresh:
            raise NotLoggedIn
        SESSIONS.refreshed += 1
        number = SESSIONS.refreshed + 1
        SESSIONS.next_refresh = f"refresh-{number}"
        return LoggedIn(token=f"token-{number}", refresh_token=SESSIONS.next_refresh)


SCHEMA = strawberry.Schema(query=Query, mutation=Mutation)


def small_application() -> Starlette:
    """A server with a small schema of its own and the explorer."""
    explorer = Explorer(
        [
            ExplorerTab("问候", GREETING, json.dumps({"name": "王医师"}, ensure_ascii=False)),
            ExplorerTab("登录", LOG_IN),
            ExplorerTab("本人", VIEWER),
        ],
        log_in=ExplorerLogIn(
            LOG_IN,
            ["logIn", "token"],
            refresh=ExplorerRefresh(
                REFRESH, ["logIn", "refreshToken"], ["refresh", "token"], ["refresh", "refreshToken"]
            ),
        ),
    )

    async def graphql(request: Request) -> Response:
        if request.method == "GET":
            return explorer.page(request)
        body = await request.json()
        result = await SCHEMA.execute(
            body["query"],
            variable_values=body.get("variables"),
            operation_name=body.get("operationName"),
            context_value={"authorization": request.headers.get("authorization", "")},
        )
        errors = [error.formatted for error in result.errors or []]
        return JSONResponse({"data": result.data, **({"errors": errors} if errors else {})})

    return Starlette(routes=[Route("/graphql", graphql, methods=["GET", "POST"]), *explorer.routes()])


def cannot_run(reason: str) -> NoReturn:
    """Skips with the reason; under CI, where everything must be there, fails."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"the explorer was not tested: {reason}")
    pytest.skip(f"THE EXPLORER WAS NOT TESTED: {reason}")


@pytest.fixture(scope="module")
def small_server_url() -> Iterator[str]:
    """The address of the small server while it runs, without a path."""
    try:
        build_explorer()
    except ExplorerBuildError as error:
        cannot_run(str(error))
    # Listening before the server runs: the browser's first connection waits in the queue, no one has to poll.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(small_application(), log_level="critical", lifespan="off", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join()


async def _prepare_demo(settings: Settings) -> None:
    environment = build_environment(settings)
    async with environment.database.session():
        await migrate([CORE_MIGRATIONS, *environment.registry.migrations])
        await ensure_demo(environment)


@pytest.fixture(scope="module")
def explorer_server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the real application with the demo province, while it runs."""
    try:
        build_explorer()
    except ExplorerBuildError as error:
        cannot_run(str(error))
    folder = tmp_path_factory.mktemp("explorer")
    settings = Settings(database_url=f"sqlite:///{folder / 'demo.db'}", storage_url=str(folder / "files"))
    asyncio.run(_prepare_demo(settings))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(
            uvicorn.Config(create_app(settings, schema_of=shared_schema), log_level="critical", ws="none")
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join()


class ExplorerPage:
    """The page, as a reader uses it."""

    def __init__(self, driver: WebDriver, url: str) -> None:
        self.driver = driver
        self.wait = WebDriverWait(driver, WAIT_SECONDS, ignored_exceptions=[StaleElementReferenceException])
        self.load(url)

    def load(self, url: str) -> None:
        """Opens the explorer and waits until its editor is there."""
        self.driver.get(url)
        self.wait.until(lambda _: self.query())

    def find(self, selector: str) -> WebElement:
        """The element, once it is there and can be used."""
        return self.wait.until(element_to_be_clickable((By.CSS_SELECTOR, selector)))

    def tabs(self) -> list[str]:
        """The names on the tabs, from left to right."""
        tabs = self.driver.find_elements(By.CSS_SELECTOR, "[role=tab] .graphiql-tab-button")
        return [tab.get_attribute("title") or "" for tab in tabs]

    def show_tab(self, name: str) -> None:
        self.find(f".graphiql-tab-button[title={name}]").click()
        self.find(f"[aria-selected=true] .graphiql-tab-button[title={name}]")

    def type_into(self, editor: str, text: str) -> None:
        self.find(f"{editor} .graphiql-editor:not(.hidden) .view-lines").click()
        ActionChains(self.driver).send_keys(text).perform()

    def execute(self) -> None:
        self.find(".graphiql-execute-button").click()

    def wait_for_answer(self, part: str) -> None:
        """Waits until the answer holds the text."""
        try:
            self.wait.until(lambda _: part in self.answer())
        except TimeoutException:
            pytest.fail(f"{part!r} is not in the answer: {self.answer()!r}")

    def query(self) -> str:
        return self._shown(".graphiql-query-editor")

    def answer(self) -> str:
        return self._shown(".graphiql-response")

    def log_in(self, account: str, password: str) -> None:
        for name, value in (("account", account), ("password", password)):
            box = self.find(f".access-bar input[name={name}]")
            box.clear()
            box.send_keys(value)
        self.find(".access-bar button[type=submit]").click()

    def _shown(self, editor: str) -> str:
        """The lines shown in one of the editors, which writes no-break spaces where there are spaces."""
        script = "return [...document.querySelectorAll(arguments[0])].map((line) => line.innerText).join('\\n')"
        lines: str = self.driver.execute_script(script, f"{editor} .view-line")
        return lines.replace("\N{NO-BREAK SPACE}", " ")


@contextmanager
def visit(server_url: str, folder: Path) -> Iterator[ExplorerPage]:
    """The explorer in a fresh Chromium, which keeps its profile and its network log in `folder`.

    At the end of the visit: the browser asked nobody but the server, and the page broke no rule of its own
    Content-Security-Policy nor raised an error.
    """
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver_program = shutil.which("chromedriver")
    if browser is None or driver_program is None:
        cannot_run("no chromium with chromedriver here (Debian: apt-get install chromium chromium-driver)")
    options = ChromeOptions()
    options.binary_location = browser
    for argument in (
        "--headless",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--no-proxy-server",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        "--lang=zh-CN",
        "--window-size=1400,900",
        # Whatever the page might ask for elsewhere has no address, and is in the log all the same.
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        f"--user-data-dir={folder / 'profile'}",
        f"--log-net-log={folder / 'network.json'}",
        *(["--no-sandbox"] if os.geteuid() == 0 else []),
    ):
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"intl.accept_languages": "zh-CN,zh"})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options=options, service=ChromeService(driver_program))
    try:
        yield ExplorerPage(driver, f"{server_url}/graphql")
        console = driver.get_log("browser")  # type: ignore[no-untyped-call]
        complaints = [entry for entry in console if entry["level"] in ("WARNING", "SEVERE")]
    finally:
        driver.save_screenshot(str(folder / "screenshot.png"))
        driver.quit()
    assert complaints == []
    requested = requested_by_pages(folder / "network.json")
    assert any("-worker-" in url for url in requested), "web workers are in the log too"
    assert [url for url in requested if not url.startswith(f"{server_url}/")] == []


def requested_by_pages(network_log: Path) -> set[str]:
    """Every address that pages and their workers asked for over the network, by the browser's own log.

    A browser has services of its own to call (updates, spelling, autofill); those requests come from no origin.
    """
    events = json.loads(network_log.read_text(encoding="utf-8"))["events"]
    requests = [event["params"] for event in events if "initiator" in event.get("params", {})]
    urls = {request["url"] for request in requests if request["initiator"] != "not an origin"}
    return {url for url in urls if url.startswith(("http:", "https:", "ws:", "wss:"))}


def test_the_example_operations_are_in_tabs_and_a_query_runs(explorer_server_url: str, tmp_path: Path) -> None:
    page_source = httpx.get(f"{explorer_server_url}/graphql", headers={"accept": "text/html"}).text
    setup = re.search(r'id="explorer-setup">(.*?)</script>', page_source)
    assert setup is not None
    queries = [parse(tab["query"]) for tab in json.loads(setup[1])["tabs"]]
    operations = [get_operation_ast(query) for query in queries]
    names = [operation.name.value for operation in operations if operation is not None and operation.name is not None]
    assert len(names) == len(queries) > 0
    with visit(explorer_server_url, tmp_path) as page:
        assert page.tabs() == names
        page.find(".graphiql-tab-add").click()
        page.type_into(".graphiql-query-editor", "{__typename}")
        page.execute()
        page.wait_for_answer('"__typename": "Query"')


def test_a_doctor_of_the_demo_logs_in_and_sees_home(explorer_server_url: str, tmp_path: Path) -> None:
    doctor = next(person for person in DOCTORS if person.own_password)
    with visit(explorer_server_url, tmp_path) as page:
        page.log_in(doctor.document_number, DEMO_PASSWORD)
        assert doctor.document_number in page.find(".access-bar [role=status]").text
        page.show_tab("Home")
        page.execute()
        page.wait_for_answer("已开通报名")


def test_the_first_tab_runs_with_its_variables(small_server_url: str, tmp_path: Path) -> None:
    with visit(small_server_url, tmp_path) as page:
        assert page.query().strip() == GREETING.strip()
        page.execute()
        page.wait_for_answer('"greeting": "王医师,您好"')


def test_the_login_box_gives_its_token_to_every_tab(small_server_url: str, tmp_path: Path) -> None:
    with visit(small_server_url, tmp_path) as page:
        page.log_in(ACCOUNT, "wrong")
        assert page.find(".access-bar [role=alert]").text == "证件号码或密码不正确"
        page.log_in(ACCOUNT, PASSWORD)
        assert ACCOUNT in page.find(".access-bar [role=status]").text
        page.show_tab("Viewer")
        page.execute()
        page.wait_for_answer(f'"viewer": "Bearer {TOKEN}"')

        page.load(page.driver.current_url)
        assert ACCOUNT in page.find(".access-bar [role=status]").text
        page.find(".access-bar button").click()
        page.find(".access-bar form")
        page.execute()
        page.wait_for_answer('"viewer": ""')

        page.log_in(ACCOUNT, PASSWORD)
        page.find(".access-bar [role=status]")
        keep_the_session_in_two_tabs(page)


def keep_the_session_in_two_tabs(page: ExplorerPage) -> None:
    """A token that is good no more is refreshed once, for both tabs; where it cannot be, nobody is logged in."""
    driver, first = page.driver, page.driver.current_window_handle
    # A tab opened by a page begins with a copy of its sessionStorage, as a duplicated one does.
    driver.execute_script("window.open(location.href)")
    second = next(handle for handle in driver.window_handles if handle != first)
    driver.switch_to.window(second)
    page.wait.until(lambda _: page.query())
    assert ACCOUNT in page.find(".access-bar [role=status]").text

    SESSIONS.over.add(TOKEN)
    driver.switch_to.window(first)
    page.execute()
    page.wait_for_answer('"viewer": "Bearer token-2"')
    driver.switch_to.window(second)
    page.show_tab("Viewer")
    page.execute()
    page.wait_for_answer('"viewer": "Bearer token-2"')
    assert SESSIONS.refreshed == 1

    SESSIONS.over.add("token-2")
    SESSIONS.next_refresh = None
    page.execute()
    assert page.find(".access-bar [role=alert]").text == "会话已结束，请重新登录。"
    driver.switch_to.window(first)
    page.find(".access-bar form")


def test_an_authorization_header_typed_by_the_reader_is_sent_and_kept(small_server_url: str, tmp_path: Path) -> None:
    with visit(small_server_url, tmp_path) as page:
        page.log_in(ACCOUNT, PASSWORD)
        page.find(".access-bar [role=status]")
        page.show_tab("Viewer")
        page.find(".graphiql-editor-tools [data-name=headers]").click()
        page.type_into(".graphiql-editor-tool", '{"Authorization": "Bearer typed"}')
        page.execute()
        page.wait_for_answer('"viewer": "Bearer typed"')

        page.wait.until(
            lambda driver: "typed" in driver.execute_script("return localStorage['graphiql:headers'] ?? ''")
        )
        page.load(page.driver.current_url)
        page.execute()
        page.wait_for_answer('"viewer": "Bearer typed"')


def test_a_closed_example_comes_back_from_the_list(small_server_url: str, tmp_path: Path) -> None:
    with visit(small_server_url, tmp_path) as page:
        page.find("[aria-selected=true] .graphiql-tab-close").click()
        page.wait.until(lambda _: page.tabs() == ["LogIn", "Viewer"])
        page.find("[aria-label$=示例操作]").click()
        page.find(".example-list li:nth-child(1) button").click()
        page.wait.until(lambda _: page.tabs() == ["LogIn", "Viewer", "Greeting"])
        page.execute()
        page.wait_for_answer('"greeting": "王医师,您好"')
