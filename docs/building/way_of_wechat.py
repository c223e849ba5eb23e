"""The mini-program's login, against a local server that answers as WeChat's code2session documents it."""

from building.recorder import Person, Server
from dingkao.accounts.wechat_http import WeChatHttp
from dingkao.demo import people as demo
from dingkao.outgoing import CircuitBreaker, Outgoing
from dingkao.testing.local_server import Asked, answer, local_server

# By the code that wx.login gave: what WeChat answers.
ERRORS = {
    40029: "invalid code",
    45011: "api minute-quota reach limit, must slower retry next minute",
    40226: "code blocked",
    -1: "system error",
}


async def _wechat(asked: Asked) -> bytes:
    code = asked.query["js_code"][0]
    if code.lstrip("-").isdigit():
        return await answer(200, {"errcode": int(code), "errmsg": ERRORS[int(code)]})(asked)
    return await answer(200, {"openid": f"openid-of-{code}", "session_key": "not kept"})(asked)


async def show(server: Server, serial: int, other_serial: int) -> None:
    """Bind, log in, what is bound already, what WeChat refuses, unbind."""
    person, other = await _doctor(server, serial), await _doctor(server, other_serial)
    telephone = server.person()
    await telephone.refused("LogInWithWechat", "LogInWithWechat.off", input={"code": "a-doctors-telephone"})
    async with local_server(_wechat) as local:
        outgoing = Outgoing(seconds=5, tries=1, breaker=CircuitBreaker(5, 30))
        mini_program = WeChatHttp(local.url, app_id="wx0123456789abcdef", secret="-" * 32, outgoing=outgoing)
        # The environment is made once; the documentation's is given a WeChat of loopback here.
        object.__setattr__(server.environment, "mini_program", mini_program)
        mine, another = {"code": "a-doctors-telephone"}, {"code": "another-telephone"}
        await telephone.refused("LogInWithWechat", "LogInWithWechat.unbound", input=mine)
        await person.do("BindWechat", input=mine)
        await person.do("Credentials")
        await person.refused("BindWechat", "BindWechat.bound", input=another)
        await other.refused("BindWechat", "BindWechat.taken", input=mine)
        await telephone.do("LogInWithWechat", input=mine)
        for code in ERRORS:
            await telephone.refused("LogInWithWechat", f"LogInWithWechat.{code}", input={"code": str(code)})
        await person.do("UnbindWechat")
        await person.refused("UnbindWechat", "UnbindWechat.unbound")
        await telephone.refused("LogInWithWechat", "LogInWithWechat.again", input=mine)


async def _doctor(server: Server, serial: int) -> Person:
    person = server.person()
    number = next(doctor for doctor in demo.DOCTORS if doctor.serial == serial).document_number
    await person.log_in(number, demo.PASSWORD)
    return person
