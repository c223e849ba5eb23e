"""Sending messages to people, through the SMS port, within its time limit."""

import asyncio

from dingkao.environment import Environment
from dingkao.plugin.errors import StateConflict
from dingkao.plugin.ports import PortFailed, SmsMessage
from dingkao.plugin.text import Text

# Of the port's contract (dingkao.plugin.ports.SmsSender).
SMS_TIME_LIMIT_SECONDS = 5.0


async def send_sms(environment: Environment, message: SmsMessage) -> str:
    """Hand `message` to the gateway and return its reference.

    Raises StateConflict with the code SMS_NOT_SENT where the gateway fails or does not answer in 5 seconds: the user
    may try again. (A gateway that answers late may have sent the message all the same.)
    """
    try:
        async with asyncio.timeout(SMS_TIME_LIMIT_SECONDS):
            return await environment.sms.send(message)
    except (PortFailed, TimeoutError) as error:
        raise StateConflict(
            "SMS_NOT_SENT",
            Text("短信未能发出，请稍后再试。", "The message could not be sent; try again in a while."),
            "UNAVAILABLE",
        ) from error
