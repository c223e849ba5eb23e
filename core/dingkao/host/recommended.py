"""The safe bound of each setting that can be loosened: `dingkao check --deploy` names every one that is beyond it.

A setting may be useful beyond its bound, in a trial or for a while; before the public it is weaker than what the texts
ask for. The numbers are those of reference/security.md 2.4 and 3.2 (NIST SP 800-63B, ASVS 5.0) where they have one,
and else our defaults, which are chosen for them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Final

from dingkao.settings import PREFIX, Settings


@dataclass(frozen=True, slots=True)
class Bound:
    """The safe side of a setting: at most `most`, or at least `least`; `why` says what is open beyond it."""

    setting: str
    why: str
    most: float | None = None
    least: float | None = None

    def weaker(self, settings: Settings) -> str | None:
        """What to say of the value in force; None where it is on the safe side."""
        value = getattr(settings, self.setting)
        if self.most is not None and value > self.most:
            return f"{PREFIX}{self.setting.upper()} is {value:g}, recommended at most {self.most:g} ({self.why})"
        if self.least is not None and value < self.least:
            return f"{PREFIX}{self.setting.upper()} is {value:g}, recommended at least {self.least:g} ({self.why})"
        return None


# Beyond these somebody gets in, or stays in, who should not.
WAYS_IN: Final = (
    Bound("access_minutes", "so long a stolen token is good", most=15),
    Bound("refresh_grace_seconds", "so long a used refresh token is answered", most=30),
    Bound("session_idle_minutes", "so long a device that was left is open", most=60),
    Bound("staff_idle_minutes", "so long a desk that was left is open", most=30),
    Bound("staff_sessions", "a stolen session of staff goes unseen among many", most=3),
    Bound("step_up_minutes", "so long exports and seals are open to who finds the desk", most=5),
    Bound("initial_secret_hours", "so long a secret that was handed over is good", most=72),
    Bound("stale_account_days", "so long nobody hears of an account without an owner", most=90),
    Bound("password_memory_mebibytes", "a stolen hash is guessed at faster", least=64),
    Bound("password_passes", "a stolen hash is guessed at faster", least=3),
    Bound("login_failures", "so many passwords may be tried before the first wait", most=5),
    Bound("login_wait_minutes", "waits stay short for who tries passwords", least=15),
    Bound("login_failure_hours", "failures are forgotten before who guesses is tired", least=12),
    Bound("login_hard_stop", "so many passwords may be tried at an account", most=100),
    Bound("address_minutes", "failures of an address are forgotten at once", least=5),
    Bound("address_failures", "so many accounts may be tried from an address", most=30),
    Bound("hospital_failures", "so many accounts may be tried from a hospital's address", most=300),
    Bound("sms_code_tries", "so many guesses at a code", most=5),
    Bound("sms_code_failures_an_hour", "so many guesses at the codes of a phone", most=10),
    Bound("sms_codes_an_hour", "so often a stranger has a phone ring", most=5),
    Bound("sms_codes_a_day", "so often a stranger has a phone ring", most=10),
    Bound("sms_codes_address_day", "so many strangers' phones ring for one address", most=50),
    Bound("sms_codes_hospital_day", "so many strangers' phones ring for one hospital's address", most=500),
    Bound("query_authentications", "so many passwords may be tried in one request", most=1),
    Bound("live_check_seconds", "so long a connection outlives its session and roles", most=15),
    Bound("proctor_callback_seconds", "so long a signed verdict may be held back", most=300),
    Bound("reveals_per_hour", "so many doctors' numbers leave in an hour", most=20),
    Bound("proposal_days", "so old may be what the second officer confirms", most=7),
    Bound("face_keep_days", "faces are kept for the shortest time that the purpose needs", most=30),
    Bound("face_keep_days_without_result", "faces are kept for the shortest time that the purpose needs", most=180),
    Bound("audit_refusals", "who tries more than that in an hour is not written down", least=60),
)

# Beyond these one client takes what others need.
LIMITS: Final = (
    Bound("query_depth", "the documented operations need 7", most=10),
    Bound("query_cost", "the documented operations need 8,406", most=10_000),
    Bound("query_aliases", "the documented operations need none", most=15),
    Bound("query_root_fields", "the documented operations need 2", most=10),
    Bound("query_directives", "the documented operations need none", most=10),
    Bound("query_fields", "the documented operations need 63", most=400),
    Bound("query_tokens", "the documented operations need 124", most=2_000),
    Bound("query_seconds", "so long a query holds its place", most=60),
    Bound("statement_seconds", "so long a statement holds its connection", most=10),
    Bound("body_bytes", "each is held in memory", most=1_048_576),
    Bound("body_seconds", "so long a slow sender holds a connection", most=15),
    Bound("head_seconds", "so long a slow sender holds a connection", most=10),
    Bound("upload_seconds", "so long a slow sender holds a connection", most=120),
    Bound("upload_megabytes", "so much of the disk is one account's", most=200),
    Bound("bank_file_megabytes", "reading one takes several times as much memory", most=50),
    Bound("live_connections_per_account", "one account takes the places of others", most=5),
    Bound("live_connections_per_address", "one address takes the places of others", most=50),
    Bound("live_connections_per_hospital", "one address takes the places of others", most=150),
    Bound("live_subscriptions", "each is looked after every few seconds", most=10),
    Bound("live_init_seconds", "so long nobody's connection holds a place", most=10),
    Bound("live_idle_seconds", "so long a connection without a use holds a place", most=60),
    Bound("live_message_bytes", "each is held in memory", most=65_536),
    Bound("subject_exports_per_day", "each reads everything of a doctor", most=5),
)

# A network wider than these is no hospital's and no proxy's (an IPv4 /16 is 65,536 addresses).
_NARROWEST: Final = {4: 16, 6: 32}


def weaker_settings(settings: Settings, bounds: Iterable[Bound]) -> str | None:
    """Every setting beyond its bound, in one sentence; None where there is none."""
    found = [said for bound in bounds if (said := bound.weaker(settings)) is not None]
    return "; ".join(found) or None


def too_wide(networks: Iterable[str]) -> list[str]:
    """Those of `networks` (addresses or CIDR blocks) that hold far more than one place's addresses."""
    parsed = [(network, ip_network(network, strict=False)) for network in networks]
    return [network for network, block in parsed if block.prefixlen < _NARROWEST[block.version]]
