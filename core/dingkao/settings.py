"""Settings: environment variables `DINGKAO_…`, or a `.env` file in the working directory; secrets from files too."""

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from dingkao.endpoint_settings import EndpointSettings
from dingkao.gateway_settings import GatewaySettings
from dingkao.plugin.vocabulary import Role
from dingkao.proxies import check_networks

PREFIX = "DINGKAO_"


class BadSettings(ValueError):
    """A setting has no usable value; the message names the variable, what is wrong and what to write."""


def is_secret(name: str, field: FieldInfo) -> bool:
    """Whether a setting may be kept in a file that `DINGKAO_…_FILE` names: a secret, or an address that holds one."""
    return field.annotation is SecretStr or name in ("database_url", "storage_url")


class SecretFiles(PydanticBaseSettingsSource):
    """Secrets from files, as containers mount them: `DINGKAO_SMS_SECRET_FILE=/run/secrets/sms` and the like."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The text of the file without the white space around it; None where none is named. Raises BadSettings."""
        variable = f"{PREFIX}{field_name.upper()}"
        path = os.environ.get(f"{variable}_FILE")
        if path is None or not is_secret(field_name, field):
            return None, field_name, False
        if variable in os.environ:
            raise BadSettings(f"{variable} and {variable}_FILE are both set; keep one of them")
        try:
            return Path(path).read_text(encoding="utf-8").strip(), field_name, False
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            raise BadSettings(f"{variable}_FILE: {path} cannot be read: {reason}") from None

    def __call__(self) -> dict[str, Any]:
        values = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in values.items() if value is not None}


class Settings(EndpointSettings, GatewaySettings):
    """Every setting with its type, default and meaning; `dingkao settings` prints this list."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True)

    database_url: str = Field(
        default="sqlite:///var/dingkao.db",
        description="Database: sqlite:///path/to/file.db or postgresql://user:password@host:port/name",
    )
    storage_url: str = Field(
        default="var/files", description="Where uploads and documents are kept: a folder, or s3://bucket/prefix"
    )
    keys: SecretStr | None = Field(
        default=None, description="The server's keys, newest last; instead of the file (`dingkao keys new --print`)"
    )
    keys_file: Path = Field(
        default=Path("var/dingkao.keys"), description="File of the server's keys, as `dingkao keys new` makes it"
    )
    faces_url: str | None = Field(
        default=None,
        description="Where face images are kept, encrypted, apart from other files: a folder, or s3://bucket/prefix; "
        "unset: beside the other files (var/files-faces, s3://bucket/prefix/faces)",
    )
    face_keep_days: int = Field(
        default=30,
        ge=0,
        le=365,
        description="Days from the notice of the result after which face images are deleted; never before it is final",
    )
    face_keep_days_without_result: int = Field(
        default=180,
        ge=1,
        le=730,
        description="Days from the end of the tests after which face images are deleted where no result was announced",
    )
    proctor_secrets: SecretStr = Field(
        default=SecretStr(""),
        description="Secrets that a proctoring service signs its verdicts with, 32 characters or more each, separated "
        "by commas (two while one is replaced); unset: verdicts are refused",
    )
    proctor_callback_seconds: int = Field(
        default=300, ge=30, le=3600, description="Seconds by which the time in a signed verdict may differ from ours"
    )
    public_url: str = Field(
        default="http://127.0.0.1:8000", description="Address under which the public reaches this server (QR codes)"
    )
    explorer: bool = Field(default=True, description="Whether a browser at /graphql gets the explorer (GraphiQL)")
    introspection: bool | None = Field(
        default=None,
        description="Whether clients may ask for the schema and are helped with names; unset: as the explorer",
    )
    link_seconds: int = Field(
        default=300,
        ge=30,
        le=3600,
        description="Seconds for which a signed link to a file or document opens; clients ask for another",
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Proxies whose X-Forwarded-For, -Proto and -Host are believed: addresses or networks, by commas",
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Host names that requests may be for, separated by commas; none: every one"
    )
    hsts_seconds: int = Field(
        default=0, ge=0, description="Seconds for which browsers use https alone (HSTS); 0 sends no such header"
    )
    documents_mode: str = Field(
        default="off",
        pattern="^(off|log|enforce)$",
        description="Operations that are not in the manifest of documents: off runs, log logs, enforce refuses them",
    )
    documents_manifest: Path | None = Field(
        default=None, description="Manifest of the clients' operations, as `dingkao documents` writes it"
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Origins of other web clients, as https://client.example; separated by commas"
    )
    initial_secret_hours: int = Field(
        default=72, ge=1, le=720, description="Hours for which the initial secret of a member of staff is good"
    )
    stale_account_days: int = Field(
        default=90, ge=1, le=3650, description="Days without a login after which an account of staff is listed as stale"
    )
    session_hours: int = Field(
        default=12, ge=1, le=72, description="Hours after which a session ends, whatever is done in it"
    )
    session_idle_minutes: int = Field(
        default=60, ge=5, le=1440, description="Minutes without a request after which a doctor's session ends"
    )
    staff_idle_minutes: int = Field(
        default=30, ge=5, le=1440, description="Minutes without a request after which the session of staff ends"
    )
    staff_sessions: int = Field(
        default=3, ge=1, le=50, description="Sessions that staff have at once; a login beyond ends the oldest"
    )
    access_minutes: int = Field(
        default=15,
        ge=1,
        le=240,
        description="Minutes for which an access token is good; `refreshSession` gives more",
    )
    refresh_grace_seconds: int = Field(
        default=30,
        ge=0,
        le=120,
        description="Seconds in which a used refresh token is answered again: its first answer may have been lost",
    )
    step_up_minutes: int = Field(
        default=5, ge=1, le=60, description="Minutes for which showing who one is opens exports, sealing and the like"
    )
    password_memory_mebibytes: int = Field(
        default=64,
        ge=12,
        le=2048,
        description="Memory in MiB of one check of a password (Argon2id)",
    )
    password_passes: int = Field(default=3, ge=1, le=20, description="Passes of Argon2id over that memory")
    password_lanes: int = Field(default=4, ge=1, le=16, description="Lanes of Argon2id")
    login_failures: int = Field(
        default=5,
        ge=2,
        le=50,
        description="Failures in a row after which a login waits: a minute, then twice that, …",
    )
    login_wait_minutes: int = Field(default=15, ge=1, le=1440, description="Minutes that such a wait is long at most")
    login_failure_hours: int = Field(
        default=12, ge=1, le=168, description="Hours without a failure after which earlier ones are forgotten"
    )
    login_hard_stop: int = Field(
        default=100, ge=10, le=1000, description="Failures in a row after which an account must be unlocked or reset"
    )
    address_minutes: int = Field(
        default=5, ge=1, le=60, description="Minutes over which failed logins of an address are counted"
    )
    address_failures: int = Field(
        default=30, ge=5, description="Failed logins of an address after which only accounts known from it may log in"
    )
    hospital_addresses: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Addresses and networks of hospitals, as 203.0.113.7,198.51.100.0/24: many behind one"
    )
    hospital_failures: int = Field(
        default=300, ge=5, description="What `address_failures` is for the addresses of hospitals"
    )
    second_factor_roles: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Roles that must set up an authenticator (TOTP) first, as AUTHORITY_OFFICER; separated by commas",
    )
    reveals_per_hour: int = Field(
        default=20, ge=1, le=1000, description="Doctors whose numbers one account may see in full within an hour"
    )
    subject_exports_per_day: int = Field(
        default=5, ge=1, le=100, description="Times a doctor may export what is held about him or her, within 24 hours"
    )
    sweep_seconds: float = Field(
        default=5.0, ge=0.2, le=300, description="Seconds between two looks for attempts whose time is up"
    )
    plugins_blocked: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Plugins that are not loaded, by entry-point name, separated by commas"
    )
    plugins_required: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Plugins without which the server must not start, as name>=1.0,<2; separated by ;"
    )
    trace_hooks: bool = Field(
        default=False, description="Whether each hook call is logged at the start, with what the plugin contributes"
    )
    proposal_days: int = Field(
        default=7,
        ge=1,
        le=90,
        description="Days in which a second officer may confirm what cannot be undone; then it must be proposed anew",
    )
    audit_days: int = Field(
        default=183, ge=183, le=36_500, description="Days for which audit entries are kept at least; six months is law"
    )
    session_keep_days: int = Field(
        default=90,
        ge=90,
        le=3650,
        description="Days from a session's end after which `dingkao retention` deletes it; an account is known for 90",
    )
    code_keep_days: int = Field(
        default=7,
        ge=2,
        le=365,
        description="Days after which `dingkao retention` deletes codes sent by SMS, and unfinished authenticators",
    )
    activation_keep_days: int = Field(
        default=30,
        ge=2,
        le=3650,
        description="Days from its use or end after which `dingkao retention` deletes an activation code",
    )
    message_keep_days: int = Field(
        default=30, ge=1, le=365, description="Days after which `dingkao retention` deletes messages of the outbox"
    )
    upload_keep_days: int = Field(
        default=30, ge=7, le=3650, description="Days after which `dingkao retention` deletes uploads that nothing uses"
    )
    record_keep_years: int = Field(
        default=10,
        ge=6,
        le=100,
        description="Years from a cycle's end after which `dingkao retention` names its records to the archive",
    )
    audit_refusals: int = Field(
        default=120,
        ge=1,
        le=10_000,
        description="Refusals of rights an hour that one session or address leaves in the audit",
    )
    audit_signing_key: Path | None = Field(
        default=None,
        description="PEM file of the Ed25519 key that signs audit checkpoints; none: from the audit's key",
    )
    seal_key: Path | None = Field(default=None, description="PKCS#12 file of the authority's seal key")
    seal_passphrase: SecretStr = Field(default=SecretStr(""), description="Passphrase of the seal key")
    font_path: Path | None = Field(default=None, description="Folder of fonts for documents, or none: the bundled ones")
    log_format: str = Field(default="json", pattern="^(json|text)$", description="Log lines as json or text")
    log_level: str = Field(
        default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="DEBUG, INFO, WARNING or ERROR"
    )

    @field_validator("proctor_secrets")
    @classmethod
    def _long_secrets(cls, value: SecretStr) -> SecretStr:
        given = value.get_secret_value()
        if given and any(len(secret.strip()) < 32 for secret in given.split(",")):
            raise ValueError("each secret has 32 characters or more; `openssl rand -hex 32` makes one")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given in the program wins, then files of secrets, the environment, `.env`."""
        return init_settings, SecretFiles(settings_cls), env_settings, dotenv_settings

    @field_validator(
        "plugins_blocked",
        "cors_origins",
        "trusted_proxies",
        "allowed_hosts",
        "second_factor_roles",
        "hospital_addresses",
        mode="before",
    )
    @classmethod
    def _split_commas(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("second_factor_roles")
    @classmethod
    def _known_staff_roles(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        staff = [role.value for role in Role if role not in (Role.DOCTOR, Role.SYSTEM)]
        unknown = [name for name in value if name not in staff]
        if unknown:
            raise ValueError(f"no role of staff: {', '.join(unknown)}; there are {', '.join(staff)}")
        return value

    @field_validator("trusted_proxies", "hospital_addresses")
    @classmethod
    def _check_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        check_networks(value)
        return value

    @field_validator("plugins_required", mode="before")
    @classmethod
    def _split_semicolons(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(";") if part.strip()) if isinstance(value, str) else value


def load_settings(**overrides: object) -> Settings:
    """Settings from the environment and `.env`; `overrides` win. Raises BadSettings, one line for each bad variable."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        lines = [
            f"{PREFIX}{str(problem['loc'][0]).upper()}: {problem['msg']} (see `dingkao settings`)"
            for problem in error.errors()
        ]
        raise BadSettings("; ".join(lines)) from None
