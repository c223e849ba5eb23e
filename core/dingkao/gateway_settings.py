"""Settings of the ways to people outside: the SMS gateway, the codes that are sent by it, and WeChat."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings


class GatewaySettings(BaseSettings):
    """Whom messages are handed to, how many codes there are, and whom a mini-program's users are asked of."""

    sms_gateway: str = Field(
        default="adapter",
        pattern="^(adapter|aliyun|tencent)$",
        description="Who sends messages: an adapter of one's own (adapter), Aliyun (aliyun), Tencent Cloud (tencent)",
    )
    sms_url: str | None = Field(
        default=None,
        pattern="^https?://",
        description="Address of the SMS gateway; unset: the provider's own, or no adapter: messages stay in the outbox",
    )
    sms_key_id: str = Field(
        default="",
        max_length=100,
        description="Name of the key that SMS requests are signed with; Aliyun's AccessKey ID, Tencent's SecretId",
    )
    sms_secret: SecretStr = Field(default=SecretStr(""), description="Key that SMS requests are signed with")
    sms_signature: str = Field(
        default="定考", min_length=2, max_length=20, description="Signature 短信签名 that each message begins with"
    )
    sms_templates: dict[str, str] = Field(
        default_factory=dict,
        description='The gateway\'s ids of our templates, as {"first_login_code": "SMS_100"}; unset: our names',
    )
    sms_parameters: dict[str, list[str]] = Field(
        default_factory=dict,
        description='The parameters of a template at aliyun or tencent, in its order, as {"first_login_code": '
        '["code", "minutes:time"]} where it calls our minutes time; unset: ours',
    )
    sms_app_id: str = Field(default="", max_length=100, description="Tencent's SmsSdkAppId")
    sms_region: str = Field(default="ap-guangzhou", max_length=50, description="Tencent's region, as ap-guangzhou")
    sms_seconds: float = Field(
        default=2.0, ge=0.1, le=30, description="Seconds that a try at the SMS gateway may take; a send takes 5 in all"
    )
    sms_tries: int = Field(default=2, ge=1, le=5, description="How often a message is handed to a gateway that fails")
    sms_breaker_failures: int = Field(
        default=5,
        ge=1,
        le=100,
        description="Failed messages in a row after which the gateway is left alone for a while",
    )
    sms_breaker_seconds: float = Field(
        default=30.0, ge=0.1, le=3600, description="Seconds for which it is; then one message tries whether it answers"
    )
    sms_code_minutes: int = Field(default=5, ge=1, le=10, description="Minutes for which a code sent by SMS is valid")
    sms_code_tries: int = Field(default=5, ge=1, le=10, description="Tries that a code sent by SMS allows")
    sms_code_failures_an_hour: int = Field(
        default=10, ge=3, le=100, description="Wrong codes an hour after which no other is sent to the phone"
    )
    sms_code_interval_seconds: int = Field(
        default=60, ge=1, le=3600, description="Seconds between two codes to one phone"
    )
    sms_codes_an_hour: int = Field(default=5, ge=1, le=60, description="Codes to one phone in an hour")
    sms_codes_a_day: int = Field(default=10, ge=1, le=100, description="Codes to one phone in a day")
    sms_codes_address_day: int = Field(
        default=50,
        ge=1,
        le=100_000,
        description="Codes asked for from one address in a day, for forgotten passwords or to phones no registry holds",
    )
    sms_codes_hospital_day: int = Field(
        default=500,
        ge=1,
        le=100_000,
        description="What `sms_codes_address_day` is for the addresses of hospitals (`hospital_addresses`)",
    )
    wechat_app_id: str | None = Field(
        default=None, max_length=100, description="AppID of the mini-program whose users may log in; unset: none do"
    )
    wechat_app_secret: SecretStr = Field(default=SecretStr(""), description="AppSecret of the mini-program")
    wechat_url: str | None = Field(
        default=None, pattern="^https?://", description="Address of WeChat's server interface; unset: WeChat's own"
    )
    wechat_seconds: float = Field(default=3.0, ge=0.1, le=5, description="Seconds that WeChat may take to answer")
