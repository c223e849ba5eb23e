"""Settings of a plugin: environment variables `DINGKAO_NAME_…`, typed and described like the server's own."""

from pydantic_settings import BaseSettings, SettingsConfigDict


class PluginSettings(BaseSettings):
    """Subclass with described fields and hand the class over in the hook `settings`.

    The field `gateway_url` of the plugin `night` is the variable `DINGKAO_NIGHT_GATEWAY_URL`, from the environment or
    from `.env`. A field without a default has to be set, or the server does not start; a `SecretStr` is never shown.
    The plugin receives the values in the hook `ports`, and by `services.settings(NightSettings)`.
    """

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True)
