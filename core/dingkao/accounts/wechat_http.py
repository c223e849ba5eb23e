"""The mini-program's login at WeChat: `code2session` over HTTP (小程序登录凭证校验).

GET /sns/jscode2session?appid=…&secret=…&js_code=…&grant_type=authorization_code answers 200 with `openid` and
`session_key`, or with `errcode`: 40029 and 40163 for a code that is unknown or used, 45011 too often, 40226 an account
that WeChat blocks, -1 busy. The session_key would open what WeChat encrypts for the mini-program; nothing here needs
it, so it is neither kept nor handed on.
"""

from typing import Final

from dingkao.outgoing import Outgoing, OutgoingRequest
from dingkao.plugin.ports import MiniProgramRefusal, MiniProgramRefused, PortFailed

WECHAT_URL: Final = "https://api.weixin.qq.com"
_REFUSALS: Final = {
    40029: MiniProgramRefusal.CODE_INVALID,
    40163: MiniProgramRefusal.CODE_INVALID,
    45011: MiniProgramRefusal.TOO_OFTEN,
    40226: MiniProgramRefusal.BLOCKED,
}


class WeChatHttp:
    """`url` is WeChat's, without a path; `outgoing` makes one try, since a code is good for one."""

    def __init__(self, url: str, *, app_id: str, secret: str, outgoing: Outgoing) -> None:
        self._url = url.rstrip("/")
        self._app_id = app_id
        self._secret = secret
        self._outgoing = outgoing

    async def open_id(self, code: str) -> str:
        """Who the code's user is, in this mini-program. Raises MiniProgramRefused, PortFailed."""
        answer = await self._outgoing.send(
            OutgoingRequest(
                "GET",
                f"{self._url}/sns/jscode2session",
                {},
                {
                    "appid": self._app_id,
                    "secret": self._secret,
                    "js_code": code,
                    "grant_type": "authorization_code",
                },
            )
        )
        error = answer.fields.get("errcode", 0)
        if isinstance(error, int) and error in _REFUSALS:
            raise MiniProgramRefused(_REFUSALS[error])
        open_id = answer.fields.get("openid")
        if answer.status != 200 or error != 0 or not isinstance(open_id, str) or not 1 <= len(open_id) <= 128:
            # -1 is "busy"; 40013, 40125 and the like are mistakes in our settings. The number tells nobody anything.
            raise PortFailed(f"WeChat answered {answer.status} with errcode {error if isinstance(error, int) else '?'}")
        return open_id
