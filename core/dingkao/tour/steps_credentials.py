"""Passwords, phones, activation codes, WeChat: what the owner of an account changes, and the ways back in."""

import re
import secrets
import time
from typing import Any

from dingkao.doctors.made_up import made_up_phone
from dingkao.tour.client import Account
from dingkao.tour.people import Doctor, World

# A server that lets a phone wait longer between two codes than this is not waited for.
LONGEST_WAIT_SECONDS = 5
# The message of a reset leaves after the answer.
_LONGEST_ARRIVAL_SECONDS = 10
_PAUSE_SECONDS = 0.02
# Somebody who has not logged in.
_STRANGER = "未登录者"


def change_password(doctor: Doctor) -> None:
    """The old password is asked for; the new one is in force at once, and this session goes on."""
    account, new = doctor.account, secrets.token_urlsafe(12)
    account.refused("ChangePassword", "WRONG_CREDENTIALS", input={"oldPassword": "wrong-password", "newPassword": new})
    account.refused(
        "ChangePassword", "PASSWORD_TOO_SHORT", input={"oldPassword": doctor.password, "newPassword": "short"}
    )
    account.do(
        "ChangePassword",
        "PasswordSet",
        lambda value: f"密码已修改，已退出其他会话{value['endedSessions']}个",
        input={"oldPassword": doctor.password, "newPassword": new},
    )
    doctor.password = account.password = new
    shown = account.read("Credentials", "账户安全信息")["credentials"]
    account.equal("Credentials", "the phone masked", shown["phone"][-4:], doctor.phone[-4:])
    account.equal("Credentials", "the time of the password", bool(shown["passwordSetAt"]), True)
    account.equal("Credentials", "WeChat", shown["wechatBoundAt"], None)


def change_phone(world: World, doctor: Doctor) -> None:
    """更换手机号: a code to the new phone, which a wrong one does not bind."""
    account, new = doctor.account, made_up_phone(secrets.randbelow(10**8))
    account.refused("StartPhoneChange", "PHONE_SAME", input={"phone": doctor.phone})
    sent = account.do(
        "StartPhoneChange", "PhoneCodeSent", lambda value: f"验证码已发送至新手机{value['phone']}", input={"phone": new}
    )
    account.equal("StartPhoneChange", "the phone masked", sent["phone"][-4:], new[-4:])
    code = world.read_code(new)
    account.refused("CompletePhoneChange", "CODE_WRONG", input={"code": _other(code)})
    account.do("CompletePhoneChange", "PhoneBound", lambda value: f"已绑定{value['phone']}", input={"code": code})
    account.refused("CompletePhoneChange", "CODE_MISSING", input={"code": code})
    doctor.phone = new


def reset_password(world: World, doctor: Doctor) -> None:
    """忘记密码: one answer whether or not there is such an account; the code from the SMS sets a new password.

    A server with the usual wait of a minute between two codes to one phone sends none here, and does not say so: the
    doctor's first login is not that long ago. What is left to see then is that a wrong code resets nothing.
    """
    account = Account(_STRANGER, world.http, world.report)
    earlier = world.read_code(doctor.phone)
    started = _start(account, doctor.document_number, "已受理")
    again = account.refused("StartPasswordReset", "RATE_LIMITED", input={"documentNumber": doctor.document_number})
    nobody = _start(account, f"tour-{secrets.token_hex(6)}", "无此账户，答复相同")
    account.equal("StartPasswordReset", "one answer to both", nobody["message"], started["message"])
    new = secrets.token_urlsafe(12)
    answer = {"flow": started["flow"], "newPassword": new}
    account.refused("CompletePasswordReset", "CODE_WRONG", input={**answer, "flow": nobody["flow"], "code": "000000"})
    if _seconds(again) > LONGEST_WAIT_SECONDS:
        return
    code = _arrived(world, doctor.phone, earlier)
    account.refused("CompletePasswordReset", "CODE_WRONG", input={**answer, "code": _other(code)})
    account.refused(
        "CompletePasswordReset", "PASSWORD_TOO_SHORT", input={**answer, "newPassword": "short", "code": code}
    )
    account.do("CompletePasswordReset", "PasswordSet", "密码已重置，全部会话已退出", input={**answer, "code": code})
    account.refused("CompletePasswordReset", "CODE_MISSING", input={**answer, "code": code})
    doctor.account.refused("Home", "UNAUTHENTICATED")
    doctor.account.token, doctor.password = None, new


def come_back_by_activation_code(world: World, doctor: Doctor) -> None:
    """签发激活码: the institution's way back in for a doctor without his phone; the code opens a first login, once."""
    asked = {"institutionId": world.hospital_id, "doctorIds": [doctor.doctor_id]}
    doctor.account.refused("IssueActivationCodes", "NOT_FOUND", input=asked)
    issued = world.institution.do(
        "IssueActivationCodes", "ActivationCodesIssued", "签发激活码，仅显示一次", input=asked
    )
    code = issued["codes"][0]["code"]
    world.institution.holds("IssueActivationCodes", "the list to print", issued["csv"], doctor.name, code)
    account = Account(doctor.name, world.http, world.report)
    started = account.do(
        "LogIn",
        "SessionStarted",
        "凭激活码登录，须重新设置密码",
        input={"documentNumber": doctor.document_number, "password": code},
    )
    account.equal("LogIn", "firstLogin", started["firstLogin"], True)
    account.token = started["token"]
    account.refused("Assessments", "FIRST_LOGIN_REQUIRED", first=1)


def be_without_wechat(world: World, doctor: Doctor) -> None:
    """微信登录 needs WeChat's answer to a code of its own: a code that WeChat did not give opens and binds nothing."""
    Account(_STRANGER, world.http, world.report).refused("LogInWithWechat", input={"code": "tour"})
    doctor.account.refused("BindWechat", input={"code": "tour"})
    doctor.account.refused("UnbindWechat", "WECHAT_NOT_BOUND")


def _start(account: Account, number: str, outcome: str) -> Any:
    return account.do("StartPasswordReset", "PasswordResetStarted", outcome, input={"documentNumber": number})


def _other(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


def _seconds(refused: Any) -> int:
    """After how many seconds a code may be asked for again, as the refusal says."""
    found = re.search(r"(\d+)秒", refused["errors"][0]["message"])
    return int(found.group(1)) if found else LONGEST_WAIT_SECONDS + 1


def _arrived(world: World, phone: str, earlier: str) -> str:
    """The code that takes the place of `earlier`. Raises CodeNotFound; ValueError where none comes."""
    until = time.monotonic() + _LONGEST_ARRIVAL_SECONDS
    while (code := world.read_code(phone)) == earlier:
        if time.monotonic() > until:
            raise ValueError("the code that resets the password has not been sent")
        time.sleep(_PAUSE_SECONDS)
    return code
