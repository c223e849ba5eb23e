"""What `dingkao check --deploy` looks at: each setting that is fine on a desk and not in a province.

A part of the server that has such a setting adds a function to CHECKS: it is given the facts, and answers with one
sentence of what is wrong, or None. What to do stands beside it and begins with a verb.
"""

import ipaddress
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from dingkao.host.recommended import LIMITS, WAYS_IN, too_wide, weaker_settings
from dingkao.settings import Settings

LONGEST_SESSION_HOURS: Final = 12
"""Hours after which a person logs in again at the latest (security.md 3.2; NIST SP 800-63B AAL2: 24)."""
SHORTEST_SMS_INTERVAL_SECONDS: Final = 60
"""Seconds between two codes to one phone (security.md 3.2)."""

LONGEST_LINK_SECONDS: Final = 600
"""Seconds for which a signed link, which whoever has it can open, should open at the most (our choice)."""

RETENTION_DAYS: Final = 31
"""Days within which what is past its time should have been deleted once (our choice; every day is better)."""

_TLS_MODES: Final = ("require", "verify-ca", "verify-full")


class Severity(StrEnum):
    """How bad a finding is."""

    UNSAFE = "unsafe"
    """Not to be put before the public; the command exits with 1."""
    ADVICE = "advice"
    """Better otherwise, and a choice."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a deployment. `workers` processes on each of `hosts` machines are going to serve it; the paths
    are those of the settings that are files or folders here."""

    settings: Settings
    workers: int = 1
    hosts: int = 1
    sms_is_outbox: bool = False
    face_is_accepted_unseen: bool = False
    has_seal: bool = True
    has_demo: bool = False
    keys: int = 1
    has_published_keys: bool = False
    overdue_faces: int = 0
    private_paths: Sequence[Path] = ()
    is_root: bool = False
    # Days since `dingkao retention --apply` last ran; None: it never did.
    retention_days: int | None = 0

    @property
    def is_sqlite(self) -> bool:
        return self.settings.database_url.startswith("sqlite:")

    @property
    def public_host(self) -> str:
        return urlsplit(self.settings.public_url).hostname or ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: its stable code, how bad it is, what is so, and what to do."""

    code: str
    severity: Severity
    found: str
    advice: str


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is looked at."""

    code: str
    severity: Severity
    look: Callable[[Facts], str | None]
    advice: str


def find_unsafe(facts: Facts) -> list[Finding]:
    """Everything that is wrong, the unsafe first, each in the order of CHECKS."""
    findings = [
        Finding(check.code, check.severity, found, check.advice)
        for check in CHECKS
        if (found := check.look(facts)) is not None
    ]
    return sorted(findings, key=lambda finding: finding.severity is Severity.ADVICE)


def _no_keys(facts: Facts) -> str | None:
    return None if facts.keys else "there are no keys for personal numbers, tokens and links: the server does not start"


def _published_keys(facts: Facts) -> str | None:
    return "the keys are those of the tests, which everybody can read" if facts.has_published_keys else None


def _audit_signature(facts: Facts) -> str | None:
    if facts.settings.audit_signing_key is not None:
        return None
    return "DINGKAO_AUDIT_SIGNING_KEY is not set: who has the server's keys can sign checkpoints of the audit"


def _sms_in_the_clear(facts: Facts) -> str | None:
    url = facts.settings.sms_url
    if url is None or url.startswith("https://") or _is_local(urlsplit(url).hostname or ""):
        return None
    return "DINGKAO_SMS_URL is plain HTTP: codes and phones travel in the clear"


def _wechat_in_the_clear(facts: Facts) -> str | None:
    url = facts.settings.wechat_url
    if url is None or url.startswith("https://") or _is_local(urlsplit(url).hostname or ""):
        return None
    return "DINGKAO_WECHAT_URL is plain HTTP: the AppSecret and the codes of logins travel in the clear"


def _weak(facts: Facts) -> str | None:
    return weaker_settings(facts.settings, WAYS_IN)


def _wide(facts: Facts) -> str | None:
    return weaker_settings(facts.settings, LIMITS)


def _wide_hospitals(facts: Facts) -> str | None:
    found = too_wide(facts.settings.hospital_addresses)
    if not found:
        return None
    return f"DINGKAO_HOSPITAL_ADDRESSES holds {', '.join(found)}: the higher limits of hospitals are for half the world"


def _wide_proxies(facts: Facts) -> str | None:
    found = too_wide(facts.settings.trusted_proxies)
    if not found:
        return None
    return f"DINGKAO_TRUSTED_PROXIES holds {', '.join(found)}: whoever is in there writes the address that is counted"


def _sms_often(facts: Facts) -> str | None:
    seconds = facts.settings.sms_code_interval_seconds
    if seconds >= SHORTEST_SMS_INTERVAL_SECONDS:
        return None
    return f"DINGKAO_SMS_CODE_INTERVAL_SECONDS is {seconds}: anybody may have a phone ring that often"


def _explorer(facts: Facts) -> str | None:
    return "DINGKAO_EXPLORER is on: a browser at /graphql gets the explorer" if facts.settings.explorer else None


def _introspection(facts: Facts) -> str | None:
    settings = facts.settings
    asked = settings.explorer if settings.introspection is None else settings.introspection
    return "introspection is on: everybody is told the whole schema, and helped with names" if asked else None


def _documents(facts: Facts) -> str | None:
    mode = facts.settings.documents_mode
    return None if mode == "enforce" else f"DINGKAO_DOCUMENTS_MODE is {mode}: anybody's operations are run"


def _sqlite_shared(facts: Facts) -> str | None:
    if not facts.is_sqlite or (facts.workers == 1 and facts.hosts == 1):
        return None
    where = f"{facts.workers} workers on {facts.hosts} host{'s' if facts.hosts > 1 else ''}"
    return f"the database is SQLite, and {where} are to write it"


def _sqlite(facts: Facts) -> str | None:
    return "the database is SQLite: one machine, one writer at a time" if facts.is_sqlite else None


def _files_shared(facts: Facts) -> str | None:
    if facts.hosts == 1 or "://" in facts.settings.storage_url:
        return None
    return f"DINGKAO_STORAGE_URL is a folder, and {facts.hosts} hosts are to read it"


def _plain_url(facts: Facts) -> str | None:
    url = facts.settings.public_url
    return (
        None if url.startswith("https://") else f"DINGKAO_PUBLIC_URL is {url}: links and QR codes lead over plain HTTP"
    )


def _local_url(facts: Facts) -> str | None:
    host = facts.public_host
    return f"DINGKAO_PUBLIC_URL leads to {host}: nobody else can open it" if _is_local(host) else None


def _no_proxies(facts: Facts) -> str | None:
    if facts.settings.trusted_proxies:
        return None
    return "DINGKAO_TRUSTED_PROXIES is empty: behind a proxy all people are one address, for throttling and audit"


def _no_hosts(facts: Facts) -> str | None:
    hosts = facts.settings.allowed_hosts
    if not hosts:
        return "DINGKAO_ALLOWED_HOSTS is empty: requests for any host name are answered"
    if facts.public_host not in {host.lower() for host in hosts}:
        return f"DINGKAO_ALLOWED_HOSTS does not hold {facts.public_host}, where DINGKAO_PUBLIC_URL leads"
    return None


def _no_hsts(facts: Facts) -> str | None:
    return "DINGKAO_HSTS_SECONDS is 0: browsers may be led to plain HTTP" if facts.settings.hsts_seconds == 0 else None


def _cors(facts: Facts) -> str | None:
    bad = [origin for origin in facts.settings.cors_origins if not origin.startswith("https://")]
    return f"DINGKAO_CORS_ORIGINS lets in {', '.join(bad)}" if bad else None


def _database_in_the_clear(facts: Facts) -> str | None:
    url = urlsplit(facts.settings.database_url)
    if facts.is_sqlite or _is_local(url.hostname or "") or not url.hostname:
        return None
    mode = parse_qs(url.query).get("sslmode", [""])[-1]
    return None if mode in _TLS_MODES else f"the way to the database at {url.hostname} need not be encrypted"


def _outbox(facts: Facts) -> str | None:
    return (
        "SMS are kept in the outbox: nobody gets a code, and who reads the database has all"
        if facts.sms_is_outbox
        else None
    )


def _face(facts: Facts) -> str | None:
    return "every face is accepted: no face service is installed" if facts.face_is_accepted_unseen else None


def _faces_overdue(facts: Facts) -> str | None:
    if not facts.overdue_faces:
        return None
    return f"{facts.overdue_faces} face images are a day past their time: nobody deletes them"


def _seal(facts: Facts) -> str | None:
    return None if facts.has_seal else "no seal is configured: no certificate can take effect"


def _demo(facts: Facts) -> str | None:
    return "the demo province is there: its accounts have published passwords" if facts.has_demo else None


def _readable(facts: Facts) -> str | None:
    found = [path for path in facts.private_paths if _is_open(path)]
    return f"others on this machine can read {', '.join(map(str, found))}" if found else None


def _debug(facts: Facts) -> str | None:
    return "DINGKAO_LOG_LEVEL is DEBUG" if facts.settings.log_level == "DEBUG" else None


def _long_sessions(facts: Facts) -> str | None:
    hours = facts.settings.session_hours
    return f"DINGKAO_SESSION_HOURS is {hours}" if hours > LONGEST_SESSION_HOURS else None


def _long_links(facts: Facts) -> str | None:
    seconds = facts.settings.link_seconds
    if seconds <= LONGEST_LINK_SECONDS:
        return None
    return f"DINGKAO_LINK_SECONDS is {seconds}: so long does a link open to whoever copies it"


def _retention(facts: Facts) -> str | None:
    if facts.retention_days is None:
        return "dingkao retention --apply never ran: sessions, codes and uploads are kept for ever"
    if facts.retention_days > RETENTION_DAYS:
        return f"dingkao retention --apply last ran {facts.retention_days} days ago"
    return None


def _totp(facts: Facts) -> str | None:
    if facts.settings.second_factor_roles:
        return None
    return "DINGKAO_SECOND_FACTOR_ROLES is empty: staff log in with a password alone"


def _root(facts: Facts) -> str | None:
    return "this is the root account: a weakness of the server would be one of the machine" if facts.is_root else None


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_open(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))
    except OSError:
        return False


CHECKS: Final[tuple[Check, ...]] = (
    Check("no-keys", Severity.UNSAFE, _no_keys, "run dingkao keys new, and keep a copy apart from the backups"),
    Check("published-keys", Severity.UNSAFE, _published_keys, "run dingkao keys new, and start with an empty database"),
    Check(
        "demo-accounts", Severity.UNSAFE, _demo, "start with an empty database; a demo is not turned into a province"
    ),
    Check("explorer", Severity.UNSAFE, _explorer, "set DINGKAO_EXPLORER=false"),
    Check("introspection", Severity.UNSAFE, _introspection, "set DINGKAO_INTROSPECTION=false, or leave it unset"),
    Check("plain-url", Severity.UNSAFE, _plain_url, "put a proxy with TLS in front, and set its https address"),
    Check("local-url", Severity.UNSAFE, _local_url, "set the address under which the public reaches the server"),
    Check("proxies", Severity.UNSAFE, _no_proxies, "set the addresses of the proxy that does TLS"),
    Check("sqlite-shared", Severity.UNSAFE, _sqlite_shared, "use PostgreSQL: DINGKAO_DATABASE_URL=postgresql://…"),
    Check("files-shared", Severity.UNSAFE, _files_shared, "use a store that all hosts reach: s3://bucket/prefix"),
    Check("database-tls", Severity.UNSAFE, _database_in_the_clear, "add ?sslmode=verify-full to DINGKAO_DATABASE_URL"),
    Check("cors", Severity.UNSAFE, _cors, "name https origins alone"),
    Check(
        "sms-outbox",
        Severity.UNSAFE,
        _outbox,
        "configure a gateway, or install a plugin that fills the port sms_sender",
    ),
    Check(
        "faces-overdue",
        Severity.UNSAFE,
        _faces_overdue,
        "run dingkao faces purge, and see why the server does not: its log says what the store answered",
    ),
    Check("readable-files", Severity.UNSAFE, _readable, "take the rights away: chmod -R go= …"),
    Check("debug-log", Severity.UNSAFE, _debug, "set DINGKAO_LOG_LEVEL=INFO"),
    Check("session-hours", Severity.UNSAFE, _long_sessions, f"set at most {LONGEST_SESSION_HOURS}"),
    Check("sms-clear", Severity.UNSAFE, _sms_in_the_clear, "set the gateway's https address"),
    Check("wechat-clear", Severity.UNSAFE, _wechat_in_the_clear, "set its https address, or leave it unset"),
    Check("weak-settings", Severity.UNSAFE, _weak, "set the recommended values, or leave them unset"),
    Check("wide-hospitals", Severity.UNSAFE, _wide_hospitals, "name each hospital's addresses alone"),
    Check("wide-proxies", Severity.UNSAFE, _wide_proxies, "name the addresses of the proxies alone"),
    Check(
        "sms-interval", Severity.UNSAFE, _sms_often, f"set {SHORTEST_SMS_INTERVAL_SECONDS} or more, or leave it unset"
    ),
    Check("totp", Severity.UNSAFE, _totp, "name the roles of staff, those of administrators and authorities first"),
    Check("hosts", Severity.ADVICE, _no_hosts, "name the host names of the public address"),
    Check("hsts", Severity.ADVICE, _no_hsts, "set 31536000 once https works for good"),
    Check("documents", Severity.ADVICE, _documents, "make a manifest (dingkao documents), and set enforce"),
    Check("audit-signature", Severity.ADVICE, _audit_signature, "set a key that lies elsewhere, or export often"),
    Check(
        "sqlite", Severity.ADVICE, _sqlite, "use PostgreSQL for a province; try a backup and its restore in any case"
    ),
    Check(
        "face-service",
        Severity.ADVICE,
        _face,
        "install a plugin that fills the port face_verifier, or have invigilators look",
    ),
    Check(
        "seal", Severity.ADVICE, _seal, "set DINGKAO_SEAL_KEY, or install a plugin that fills the port seal_provider"
    ),
    Check("wide-limits", Severity.ADVICE, _wide, "set the recommended values, or leave them unset"),
    Check("long-links", Severity.ADVICE, _long_links, f"set at most {LONGEST_LINK_SECONDS}"),
    Check("retention", Severity.ADVICE, _retention, "run dingkao retention --apply every day, by cron or a timer"),
    Check("root", Severity.ADVICE, _root, "run the server as an account of its own"),
)
