"""`code2session` against a local server that answers as WeChat documents it."""

from dataclasses import replace

import pytest

from dingkao.accounts.sessions import Origin
from dingkao.accounts.wechat import bind_wechat, log_in_with_wechat
from dingkao.accounts.wechat_http import WeChatHttp
from dingkao.application import build_environment
from dingkao.environment import Environment
from dingkao.outgoing import CircuitBreaker, Outgoing
from dingkao.plugin.errors import StateConflict, TooManyRequests, ValidationFailed
from dingkao.plugin.ports import MiniProgramRefusal, MiniProgramRefused, PortFailed, PortTimedOut
from dingkao.settings import BadSettings, Settings
from dingkao.testing.local_server import LocalServer, answer, cut, local_server
from dingkao.testing.sample import build_sample

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


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("code", "refusal", "sentence"),
    [
        (40029, "WECHAT_CODE_INVALID", "微信登录凭证已失效，请重试。"),
        (40163, "WECHAT_CODE_INVALID", "微信登录凭证已失效，请重试。"),
        (45011, "RATE_LIMITED", "操作过于频繁，请在60秒后再试。"),
        (40226, "WECHAT_BLOCKED", "微信限制了该账号登录，请用证件号码登录。"),
        (-1, "WECHAT_UNAVAILABLE", "微信暂时无法访问，请稍后再试或用证件号码登录。"),
        (40125, "WECHAT_UNAVAILABLE", "微信暂时无法访问，请稍后再试或用证件号码登录。"),
    ],
)
async def test_a_doctor_is_told_what_wechat_said(
    environment: Environment, code: int, refusal: str, sentence: str
) -> None:
    """From WeChat's number to the sentence that the mini-program shows, logging in and binding."""
    province = await build_sample(environment)
    doctor = await province.add_doctor()
    async with local_server(answer(200, error(code, "told in English"))) as server:
        with_wechat = replace(environment, mini_program=wechat(server))
        origin = Origin("127.0.0.1", "", "request")
        for asked in (
            log_in_with_wechat(with_wechat, "code", origin=origin),
            bind_wechat(with_wechat, doctor.caller, "code"),
        ):
            with pytest.raises((ValidationFailed, StateConflict, TooManyRequests)) as refused:
                await asked
            told = refused.value.problems[0] if isinstance(refused.value, ValidationFailed) else refused.value
            assert (told.code, told.text.zh) == (refusal, sentence)
    assert len(server.asked) == 2


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
