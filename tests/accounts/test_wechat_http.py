"""`code2session` against a local server that answers as WeChat documents it."""

import pytest

from dingkao.accounts.wechat_http import WeChatHttp
from dingkao.application import build_environment
from dingkao.outgoing import CircuitBreaker, Outgoing
from dingkao.plugin.ports import MiniProgramRefusal, MiniProgramRefused, PortFailed, PortTimedOut
from dingkao.settings import BadSettings, Settings
from dingkao.testing.local_server import LocalServer, answer, cut, local_server

OPEN_ID = "oGZUI0egBJY1zhBYw2KhdUfwVJJE"
GOOD = answer(200, {"openid": OPEN_ID, "session_key": "tiihtNczf5v6AKRyjwEUhQ==", "unionid": "u"})


def wechat(server: LocalServer, seconds: float = 5) -> WeChatHttp:
    outgoing = Outgoing(seconds=seconds, tries=1, breaker=CircuitBreaker(5, 30))
    return WeChatHttp(server.url + "/", app_id="wx0123456789abcdef", secret="app-secret", outgoing=outgoing)


def error(code: int, message: str) -> object:
    return {"errcode": code, "errmsg": message}


async def test_a_code_is_asked_for_as_documented() -> None:
    async with local_server(GOOD) as server:
        assert await wechat(server).open_id("0716AVll20uHk9") == OPEN_ID
    asked = server.asked[0]
    assert (asked.method, asked.path) == ("GET", "/sns/jscode2session")
    assert asked.query == {
        "appid": ["wx0123456789abcdef"],
        "secret": ["app-secret"],
        "js_code": ["0716AVll20uHk9"],
        "grant_type": ["authorization_code"],
    }


async def test_a_code_is_sent_as_one_value_whatever_is_in_it() -> None:
    async with local_server(GOOD) as server:
        await wechat(server).open_id("x&secret=other#")
    assert server.asked[0].query["js_code"] == ["x&secret=other#"]
    assert server.asked[0].query["secret"] == ["app-secret"]


@pytest.mark.parametrize(
    ("code", "refusal"),
    [
        (40029, MiniProgramRefusal.CODE_INVALID),
        (40163, MiniProgramRefusal.CODE_INVALID),
        (45011, MiniProgramRefusal.TOO_OFTEN),
        (40226, MiniProgramRefusal.BLOCKED),
    ],
)
async def test_what_concerns_the_person_is_a_refusal(code: int, refusal: MiniProgramRefusal) -> None:
    async with local_server(answer(200, error(code, "told in English"))) as server:
        with pytest.raises(MiniProgramRefused) as refused:
            await wechat(server).open_id("code")
    assert refused.value.refusal is refusal


@pytest.mark.parametrize(
    "body",
    [
        error(-1, "system error"),
        error(40013, "invalid appid"),
        error(40125, "invalid appsecret, view more at …"),
        {"errcode": "40029"},
        {"openid": ""},
        {"openid": 7},
        {"openid": "x" * 200},
        {},
        [],
        b"<html>",
    ],
)
async def test_anything_else_is_a_failure_of_the_port(body: object) -> None:
    async with local_server(answer(200, body)) as server:
        with pytest.raises(PortFailed) as failed:
            await wechat(server).open_id("code")
    assert len(server.asked) == 1
    assert "app-secret" not in str(failed.value)


async def test_wechat_is_down_silent_or_cut_off() -> None:
    async with local_server(answer(502, {})) as server:
        with pytest.raises(PortFailed):
            await wechat(server).open_id("code")
    async with local_server(cut) as server:
        with pytest.raises(PortFailed):
            await wechat(server).open_id("code")
    async with local_server() as server:
        server.answers = [server.hang]
        with pytest.raises(PortTimedOut):
            await wechat(server, seconds=1).open_id("code")
        # A code is good for one try.
        assert len(server.asked) == 1


async def test_zero_is_no_error() -> None:
    async with local_server(answer(200, {"errcode": 0, "openid": OPEN_ID})) as server:
        assert await wechat(server).open_id("code") == OPEN_ID


def test_the_settings_choose_it(settings: Settings) -> None:
    assert build_environment(settings, plugins=[]).mini_program is None
    with pytest.raises(BadSettings, match="DINGKAO_WECHAT_APP_SECRET"):
        build_environment(settings.model_copy(update={"wechat_app_id": "wx0123456789abcdef"}), plugins=[])
