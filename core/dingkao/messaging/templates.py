"""The messages that are sent: short texts in Chinese, as gateways want them registered (短信模板)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from dingkao.plugin.ports import SmsMessage


@dataclass(frozen=True, slots=True)
class Template:
    """A message: `text` with its parameters in braces; `names` are the parameters."""

    text: str
    names: tuple[str, ...]


TEMPLATES: Final[Mapping[str, Template]] = {
    "first_login_code": Template(
        "验证码{code}，用于首次登录绑定手机号，{minutes}分钟内有效，请勿告知他人。", ("code", "minutes")
    ),
    "password_reset_code": Template(
        "验证码{code}，用于重置登录密码，{minutes}分钟内有效，请勿告知他人。", ("code", "minutes")
    ),
    "phone_change_code": Template(
        "验证码{code}，用于更换绑定手机号，{minutes}分钟内有效，请勿告知他人。", ("code", "minutes")
    ),
    "password_changed": Template("您的登录密码已于{time}修改。如非本人操作，请立即联系所在机构。", ("time",)),
    "phone_changed": Template("您的账户已于{time}更换绑定手机号。如非本人操作，请立即联系所在机构。", ("time",)),
    "access_reissued": Template(
        "您所在机构已于{time}为您签发登录激活码。如非您本人申请，请立即联系上级卫生行政机构。", ("time",)
    ),
    "result_notified": Template(
        "您{cycle}医师定期考核的结果已公布，请登录系统查询。如有异议，可在{until}前（含当日）申请复核。",
        ("cycle", "until"),
    ),
    "wechat_bound": Template("您的账户已于{time}绑定微信登录。如非本人操作，请立即联系所在机构。", ("time",)),
}


def compose(signature: str, phone: str, purpose: str, template: str, parameters: Mapping[str, str]) -> SmsMessage:
    """The message to `phone`, its text beginning with the signature (【定考】). Raises KeyError for an unknown template
    or a missing parameter."""
    chosen = TEMPLATES[template]
    values = {name: parameters[name] for name in chosen.names}
    text = f"【{signature}】{chosen.text.format(**values)}"
    return SmsMessage(phone=phone, purpose=purpose, template=template, text=text, parameters=values)
