"""Entering a doctor, the first login, home, logging out (manual 2.2.1 to 2.2.3)."""

import json
from datetime import UTC, datetime

from dingkao.accounts.totp import code_of, secret_of, step_of
from dingkao.tour.client import Account
from dingkao.tour.people import Doctor, World, registry_entry

INITIAL_PASSWORD = "666666"  # noqa: S105 - printed in the manual


def register(world: World, doctor: Doctor, institution_id: str) -> None:
    """The authority enters the doctor, who gets an account and an assessment in the running cycle."""
    entered = world.authority.do(
        "RegisterDoctor",
        "DoctorSuccess",
        f"登记医师{doctor.name}",
        input=registry_entry(doctor, institution_id),
    )
    doctor.doctor_id = entered["doctor"]["id"]
    world.authority.equal(
        "RegisterDoctor", "the number masked", doctor.document_number in entered["doctor"]["documentNumber"], False
    )


def refuse_logins(doctor: Doctor) -> None:
    """A wrong password and an unknown number are answered alike."""
    account = doctor.account
    wrong = account.refused("LogIn", "WRONG_CREDENTIALS", input=_credentials(doctor.document_number, "wrong-password"))
    unknown = account.refused("LogIn", "WRONG_CREDENTIALS", input=_credentials("99000019000101001X", "wrong-password"))
    account.equal("LogIn", "one answer to both", unknown, wrong)
    account.refused("Home", "UNAUTHENTICATED")


def first_login(world: World, doctor: Doctor, *, with_refusals: bool = False) -> None:
    """The initial password opens a session that can do nothing but set an own password and bind a phone."""
    account = doctor.account
    started = account.do(
        "LogIn",
        "SessionStarted",
        "初始密码登录，须完成首次登录设置",
        input=_credentials(doctor.document_number, INITIAL_PASSWORD),
    )
    account.equal("LogIn", "firstLogin", started["firstLogin"], True)
    account.token = started["token"]
    if with_refusals:
        account.refused("Assessments", "FIRST_LOGIN_REQUIRED", first=1)
        if doctor.in_registry:
            account.refused("SendPhoneCode", "PHONE_FIXED", input={"phone": "13900000000"})
        else:
            account.refused("SendPhoneCode", "PHONE_REQUIRED", input={})
    sent = account.do(
        "SendPhoneCode",
        "PhoneCodeSent",
        lambda value: f"验证码已发送至{value['phone']}",
        input={} if doctor.in_registry else {"phone": doctor.phone},
    )
    account.equal("SendPhoneCode", "the phone masked", sent["phone"][-4:], doctor.phone[-4:])
    code = world.read_code(doctor.phone)
    if with_refusals:
        other = f"{(int(code) + 1) % 10**6:06d}"
        account.refused(
            "CompleteFirstLogin",
            "PASSWORD_IS_INITIAL",
            "PASSWORD_TOO_SHORT",
            "CODE_WRONG",
            input={"newPassword": INITIAL_PASSWORD, "code": other},
        )
    done = account.do(
        "CompleteFirstLogin",
        "SessionStarted",
        "已修改密码并绑定手机号",
        input={"newPassword": doctor.password, "code": code},
    )
    account.equal("CompleteFirstLogin", "firstLogin", done["firstLogin"], False)
    if with_refusals:
        account.refused("Home", "UNAUTHENTICATED")
    account.token, account.password = done["token"], doctor.password


def log_out_and_in(doctor: Doctor) -> None:
    """The session ends; its token is worth nothing; the own password opens a new one, the initial one does not."""
    account = doctor.account
    account.read("LogOut", "已退出登录")
    account.refused("Home", "UNAUTHENTICATED")
    account.token = None
    account.refused("LogIn", "WRONG_CREDENTIALS", input=_credentials(doctor.document_number, INITIAL_PASSWORD))
    log_in(doctor)


def log_in(doctor: Doctor) -> None:
    """With the own password."""
    started = doctor.account.do(
        "LogIn", "SessionStarted", "登录成功", input=_credentials(doctor.document_number, doctor.password)
    )
    doctor.account.equal("LogIn", "firstLogin", started["firstLogin"], False)
    doctor.account.token, doctor.account.password = started["token"], doctor.password
    doctor.account.refresh_token = started["refreshToken"]


def keep_session(doctor: Doctor) -> None:
    """The refresh token gives other tokens; used once more within the grace it still does, a wrong one never."""
    account = doctor.account
    first = account.read("RefreshSession", "令牌已刷新", input={"refreshToken": account.refresh_token})
    account.token, used = first["token"], account.refresh_token
    again = account.read("RefreshSession", "应答丢失后重试，令牌已刷新", input={"refreshToken": used})
    account.equal("RefreshSession", "other tokens", again["token"] == first["token"], False)
    account.refused("RefreshSession", "UNAUTHENTICATED", input={"refreshToken": "no-such-token"})
    other = account.token
    log_in(doctor)
    sessions = account.read("Sessions", lambda found: f"当前登录会话{len(found)}个")
    earlier = next(session["id"] for session in sessions if not session["present"])
    account.do("EndSession", "SessionsEnded", "已结束另一设备的会话", input={"sessionId": earlier})
    account.refused("EndSession", "NOT_FOUND", input={"sessionId": earlier})
    present, account.token = account.token, other
    account.refused("Home", "UNAUTHENTICATED")
    account.token = present
    account.read("EndOtherSessions", "已结束其他会话")


def confirm_identity(account: Account, password: str) -> None:
    """再次验证身份: a wrong password opens nothing; with the right one, sealing and the like are open for minutes."""
    account.refused("ConfirmIdentity", "WRONG_CREDENTIALS", input={"password": "wrong-password"})
    account.do("ConfirmIdentity", "IdentityConfirmed", "已再次验证身份", input={"password": password})


def set_up_second_factor(account: Account, password: str) -> None:
    """动态口令: an officer sets up an authenticator; from then on it is asked for; at the end it is taken away, so that
    the demo's password opens the account as before."""
    account.do("ConfirmIdentity", "IdentityConfirmed", "已再次验证身份", input={"password": password})
    made = account.do("EnrolSecondFactor", "SecondFactorEnrolment", "已获取动态口令密钥")
    secret = secret_of(made["secret"])
    now = datetime.now(UTC)
    codes = account.do(
        "ConfirmSecondFactor",
        "RecoveryCodes",
        lambda value: f"已启用动态口令，恢复码{len(value['codes'])}个",
        input={"code": code_of(secret, step_of(now))},
    )["codes"]
    account.refused("ConfirmIdentity", "SECOND_FACTOR_NEEDED", input={"password": password})
    account.refused("ConfirmIdentity", "WRONG_SECOND_FACTOR", input={"code": code_of(secret, step_of(now))})
    account.do("ConfirmIdentity", "IdentityConfirmed", "恢复码验证身份", input={"code": codes[0]})
    account.refused("ConfirmIdentity", "WRONG_SECOND_FACTOR", input={"code": codes[0]})
    account.do("RenewRecoveryCodes", "RecoveryCodes", "已更换恢复码")
    account.do("RemoveSecondFactor", "SecondFactorRemoved", "已停用动态口令")


def log_out_everywhere(doctor: Doctor) -> None:
    """Every session ends: the one of another device too."""
    account = doctor.account
    first = account.token
    log_in(doctor)
    account.read("LogOutEverywhere", "全部设备已退出")
    account.refused("Home", "UNAUTHENTICATED")
    account.token = first
    account.refused("Home", "UNAUTHENTICATED")
    log_in(doctor)


def transfer(world: World, doctor: Doctor) -> None:
    """A doctor whose institution is wrong is told to ask the superior authority, which transfers him (2.2.2, note)."""
    home = doctor.account.read("Home", "所在机构不对，提示联系上级卫生行政机构")
    doctor.account.holds("Home", "guidance", home["guidance"], "上级卫生行政机构")
    doctor.account.refused("TransferDoctor", "FORBIDDEN", input=_transfer(doctor, world.hospital_id))
    world.authority.refused("TransferDoctor", "ALREADY_THERE", input=_transfer(doctor, world.other_hospital_id))
    moved = world.authority.do(
        "TransferDoctor",
        "DoctorSuccess",
        lambda value: f"变更执业机构为{value['doctor']['registration']['institution']['name']}",
        input=_transfer(doctor, world.hospital_id),
    )
    place = moved["doctor"]["registration"]["institution"]["id"]
    world.authority.equal("TransferDoctor", "the institution", place, world.hospital_id)
    asked = {"doctorId": doctor.doctor_id, "numbers": ["DOCUMENT_NUMBER"], "reason": "核对电子化注册系统信息"}
    doctor.account.refused("RevealPersonalNumbers", "FORBIDDEN", input=asked)
    world.authority.refused("RevealPersonalNumbers", "REASON_LENGTH", input={**asked, "reason": "看看"})
    shown = world.authority.do("RevealPersonalNumbers", "PersonalNumbersRevealed", "查看完整证件号码", input=asked)
    number = shown["numbers"][0]["value"]
    world.authority.equal("RevealPersonalNumbers", "the number", number, doctor.document_number)
    world.authority.refused("ExportMyData", "FORBIDDEN")
    export = doctor.account.read("ExportMyData", "导出本人信息")
    held = json.loads(export["json"])["records"]["doctor"]
    doctor.account.equal("ExportMyData", "the number", held[0]["document_number"], doctor.document_number)


def _transfer(doctor: Doctor, institution_id: str) -> dict[str, str]:
    return {"doctorId": doctor.doctor_id, "institutionId": institution_id, "reason": "登记机构有误，予以更正"}


def _credentials(number: str, password: str) -> dict[str, str]:
    return {"documentNumber": number, "password": password}
