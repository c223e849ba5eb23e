"""The SMS sender that the settings choose: the outbox, an adapter of one's own, Aliyun, Tencent Cloud."""

from collections.abc import Callable

from dingkao.clock import Clock
from dingkao.messaging.aliyun_sms import ALIYUN_URL, AliyunSmsSender
from dingkao.messaging.gateway_answers import GatewayTemplates, parameter_problems
from dingkao.messaging.http_sms import HttpSmsSender
from dingkao.messaging.outbox import OutboxSmsSender
from dingkao.messaging.templates import TEMPLATES
from dingkao.messaging.tencent_sms import TENCENT_URL, TencentSmsSender
from dingkao.outgoing import CircuitBreaker, Outgoing
from dingkao.plugin.ports import SmsSender
from dingkao.settings import BadSettings, Settings

ADAPTER = "adapter"
ALIYUN = "aliyun"
TENCENT = "tencent"
# Of 128 bits in hexadecimal digits, at least half.
LEAST_SMS_SECRET = 16


def default_sms(settings: Settings, clock: Clock) -> SmsSender:
    """The sender where no plugin has one. Raises BadSettings: which variable is missing or wrong, and what to write."""
    if settings.sms_gateway == ADAPTER and settings.sms_url is None:
        return OutboxSmsSender(clock)
    secret = _secret(settings)
    unknown = sorted(set(settings.sms_templates) - set(TEMPLATES))
    if unknown:
        raise BadSettings(
            f"DINGKAO_SMS_TEMPLATES: no message is called {', '.join(unknown)}; there are {', '.join(TEMPLATES)}"
        )
    breaker = CircuitBreaker(settings.sms_breaker_failures, settings.sms_breaker_seconds)
    outgoing = Outgoing(seconds=settings.sms_seconds, tries=settings.sms_tries, breaker=breaker)

    def now() -> float:
        return clock.now().timestamp()

    if settings.sms_gateway == ADAPTER:
        assert settings.sms_url is not None  # noqa: S101 - the outbox's case is above
        return HttpSmsSender(
            settings.sms_url,
            key_id=settings.sms_key_id,
            secret=secret,
            name=settings.sms_signature,
            templates=settings.sms_templates,
            outgoing=outgoing,
            now=now,
        )
    return _of_a_provider(settings, secret, outgoing, now)


def _of_a_provider(settings: Settings, secret: bytes, outgoing: Outgoing, now: Callable[[], float]) -> SmsSender:
    if not settings.sms_key_id:
        raise BadSettings(f"DINGKAO_SMS_KEY_ID: DINGKAO_SMS_GATEWAY is {settings.sms_gateway}, so this names its key")
    missing = [name for name in TEMPLATES if not settings.sms_templates.get(name)]
    if missing:
        raise BadSettings(
            f"DINGKAO_SMS_TEMPLATES: {settings.sms_gateway} sends registered templates alone; give the ids of "
            f"{', '.join(missing)}"
        )
    problems = parameter_problems(settings.sms_parameters)
    if problems:
        raise BadSettings(f"DINGKAO_SMS_PARAMETERS: {'; '.join(problems)}")
    templates = GatewayTemplates(settings.sms_templates, settings.sms_parameters)
    if settings.sms_gateway == ALIYUN:
        return AliyunSmsSender(
            settings.sms_url or ALIYUN_URL,
            key_id=settings.sms_key_id,
            secret=secret,
            name=settings.sms_signature,
            templates=templates,
            outgoing=outgoing,
            now=now,
        )
    if not settings.sms_app_id:
        raise BadSettings("DINGKAO_SMS_APP_ID: DINGKAO_SMS_GATEWAY is tencent, so this must hold the SmsSdkAppId")
    return TencentSmsSender(
        settings.sms_url or TENCENT_URL,
        key_id=settings.sms_key_id,
        secret=secret,
        app_id=settings.sms_app_id,
        region=settings.sms_region,
        name=settings.sms_signature,
        templates=templates,
        outgoing=outgoing,
        now=now,
    )


def _secret(settings: Settings) -> bytes:
    secret = settings.sms_secret.get_secret_value()
    if len(secret) < LEAST_SMS_SECRET:
        chosen = "DINGKAO_SMS_URL is set" if settings.sms_url else f"DINGKAO_SMS_GATEWAY is {settings.sms_gateway}"
        raise BadSettings(
            f"DINGKAO_SMS_SECRET: {chosen}, so this must hold the gateway's key, {LEAST_SMS_SECRET} characters or more "
            "(see `dingkao settings`)"
        )
    return secret.encode()
