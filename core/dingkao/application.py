"""Putting the application together: settings → plugins → policies → ports → environment."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from dingkao.accounts.passwords import configure_passwords
from dingkao.accounts.wechat_http import WECHAT_URL, WeChatHttp
from dingkao.clock import Clock, SystemClock
from dingkao.crypto.loading import load_keys
from dingkao.db.database import Database
from dingkao.documents.configured_seal import ConfiguredSeal
from dingkao.documents.errors import SealUnusable
from dingkao.environment import Environment
from dingkao.host.loading import FoundPlugin, PluginRefused, Problems, build_registry, check_required, find_plugins
from dingkao.logs import configure_logging
from dingkao.messaging.gateways import default_sms
from dingkao.outgoing import CircuitBreaker, Outgoing
from dingkao.plugin.policy import PolicyError
from dingkao.plugin.ports import (
    FaceVerifier,
    FileStore,
    MiniProgram,
    PortFailed,
    PortSlot,
    Proctor,
    SealedDocument,
    SealProvider,
    SmsSender,
)
from dingkao.policies import PolicyBook
from dingkao.ports import (
    GuardedFaceVerifier,
    GuardedFileStore,
    GuardedMiniProgram,
    GuardedProctor,
    GuardedSealProvider,
    GuardedSmsSender,
)
from dingkao.proctoring.recorder import RecordingFaceVerifier, RecordingProctor
from dingkao.registry import Registry
from dingkao.settings import BadSettings, Settings
from dingkao.storage.faces import FaceImages
from dingkao.storage.files import open_file_store

Port = TypeVar("Port")

# After so many failures in a row people are told at once, for so many seconds, to log in by document number.
WECHAT_BREAKER_FAILURES = 5
WECHAT_BREAKER_SECONDS = 30


class NoSealKey:
    """Stands in the seal's slot where none is configured: sealing is refused, everything else works."""

    async def seal(self, pdf: bytes, *, authority_name: str, reason: str, at: datetime) -> SealedDocument:
        """Raises PortFailed."""
        raise PortFailed("no seal is configured: set DINGKAO_SEAL_KEY to a PKCS#12 file, or install a seal plugin")


def load_registry(settings: Settings, plugins: list[FoundPlugin] | None = None) -> Registry:
    """The plugins in force and what they contribute. Raises PluginRefused with everything that is wrong with any of
    them, the schema's part too; BadSettings where a plugin's setting has no usable value."""
    if settings.trace_hooks:
        configure_logging(settings.log_format, settings.log_level)
    problems = Problems()
    found = find_plugins(settings.plugins_blocked, problems) if plugins is None else plugins
    check_required(found, settings.plugins_required, problems)
    registry = build_registry(found, problems, trace=settings.trace_hooks)
    if len(problems):
        # Refused in any case: then all of it at once. Imported here, since every command would wait for every type.
        from dingkao.schema import assemble

        try:
            assemble(registry)
        except PluginRefused as refused:
            for sentence in refused.problems:
                problems.add(sentence)
    problems.refuse()
    return registry


def build_environment(
    settings: Settings,
    *,
    clock: Clock | None = None,
    plugins: list[FoundPlugin] | None = None,
    registry: Registry | None = None,
) -> Environment:
    """Everything but open connections; `registry` is what `load_registry` gave, where the caller has it. Raises
    PluginRefused, BadDatabaseUrl, BadSettings."""
    if registry is None:
        registry = load_registry(settings, plugins)
    policies = PolicyBook(registry.sections, registry.layers)
    try:
        policies.check()
    except PolicyError as error:
        # The layers of plugins were looked at before; this is the core's own national layer.
        raise PluginRefused(f"policy refused: {error}") from error
    clock = clock or SystemClock()
    keys = load_keys(settings)
    configure_passwords(settings)
    return Environment(
        settings=settings,
        keys=keys,
        database=Database(settings.database_url, keys, statement_seconds=settings.statement_seconds),
        clock=clock,
        registry=registry,
        policies=policies,
        sms=_guarded(registry, PortSlot.SMS_SENDER, SmsSender, GuardedSmsSender)  # type: ignore[type-abstract]
        or GuardedSmsSender(default_sms(settings, clock)),
        face=_guarded(registry, PortSlot.FACE_VERIFIER, FaceVerifier, GuardedFaceVerifier)  # type: ignore[type-abstract]
        or GuardedFaceVerifier(RecordingFaceVerifier()),
        proctor=_guarded(registry, PortSlot.PROCTOR, Proctor, GuardedProctor)  # type: ignore[type-abstract]
        or GuardedProctor(RecordingProctor()),
        seal=_guarded(registry, PortSlot.SEAL_PROVIDER, SealProvider, GuardedSealProvider)  # type: ignore[type-abstract]
        or GuardedSealProvider(_default_seal(settings)),
        files=_guarded(registry, PortSlot.FILE_STORE, FileStore, GuardedFileStore)  # type: ignore[type-abstract]
        or GuardedFileStore(open_file_store(settings.storage_url)),
        # Never a plugin's store: faces stay apart from all other files.
        faces=FaceImages(GuardedFileStore(open_file_store(_faces_url(settings))), keys),
        mini_program=_guarded(registry, PortSlot.MINI_PROGRAM, MiniProgram, GuardedMiniProgram)  # type: ignore[type-abstract]
        or _default_mini_program(settings),
    )


def _guarded(
    registry: Registry, slot: PortSlot, protocol: type[Port], guard: Callable[[Port, str], Port]
) -> Port | None:
    """The plugins' object for `slot` behind its guard; None where no plugin fills it."""
    found = registry.ports.get(slot)
    # The host has checked its methods.
    return guard(found, registry.port_owners[slot]) if isinstance(found, protocol) else None


def _faces_url(settings: Settings) -> str:
    if settings.faces_url is not None:
        return settings.faces_url
    url = settings.storage_url.rstrip("/")
    if settings.storage_url.startswith("memory:"):
        return settings.storage_url
    return f"{url}/faces" if url.startswith("s3://") else f"{url}-faces"


def _default_mini_program(settings: Settings) -> MiniProgram | None:
    if settings.wechat_app_id is None:
        return None
    secret = settings.wechat_app_secret.get_secret_value()
    if not secret:
        raise BadSettings("DINGKAO_WECHAT_APP_SECRET: DINGKAO_WECHAT_APP_ID is set, so this must hold its secret")
    breaker = CircuitBreaker(WECHAT_BREAKER_FAILURES, WECHAT_BREAKER_SECONDS)
    outgoing = Outgoing(seconds=settings.wechat_seconds, tries=1, breaker=breaker)
    url = settings.wechat_url or WECHAT_URL
    wechat = WeChatHttp(url, app_id=settings.wechat_app_id, secret=secret, outgoing=outgoing)
    return GuardedMiniProgram(wechat)


def _default_seal(settings: Settings) -> SealProvider:
    if settings.seal_key is None:
        return NoSealKey()
    try:
        return ConfiguredSeal(settings.seal_key, settings.seal_passphrase.get_secret_value())
    except SealUnusable as error:
        raise BadSettings(f"DINGKAO_SEAL_KEY: {error}") from error
