"""Sending messages to people, through the SMS port."""

from collections.abc import Mapping

from dingkao.environment import Environment
from dingkao.messaging.templates import compose
from dingkao.plugin.errors import StateConflict
from dingkao.plugin.ports import PortFailed, SmsMessage
from dingkao.plugin.text import Text


async def send_sms(environment: Environment, message: SmsMessage) -> str:
    """Hand `message` to the gateway and return its reference.

    Raises StateConflict with the code SMS_NOT_SENT where the gateway fails or does not answer in time: the user may
    ask again. (A gateway that answers late may have sent the message all the same.)
    """
    try:
        return await environment.sms.send(message)
    except PortFailed as error:
        raise StateConflict(
            "SMS_NOT_SENT",
            Text("短信未能发出，请稍后再试。", "The message could not be sent; try again in a while."),
            "UNAVAILABLE",
        ) from error


async def send_template(
    environment: Environment, phone: str, purpose: str, template: str, parameters: Mapping[str, str]
) -> str:
    """Send one of our templates under the configured signature; as `send_sms`. Raises KeyError for an unknown one."""
    message = compose(environment.settings.sms_signature, phone, purpose, template, parameters)
    return await send_sms(environment, message)
