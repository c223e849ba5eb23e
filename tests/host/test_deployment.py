"""Each thing that `dingkao check --deploy` looks at, found where it is and not where it is not."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from dingkao.host.deployment import CHECKS, Facts, Severity, find_unsafe
from dingkao.host.recommended import LIMITS, WAYS_IN, Bound
from dingkao.settings import Settings

SECRET = SecretStr("5f" * 32)
GOOD: dict[str, Any] = {
    "audit_signing_key": Path("elsewhere.pem"),
    "sms_url": "https://sms.example",
    "sms_secret": SECRET,
    "database_url": "postgresql://dingkao:x@db.example/dingkao?sslmode=verify-full",
    "storage_url": "s3://dingkao/files",
    "public_url": "https://dingkao.example",
    "explorer": False,
    "documents_mode": "enforce",
    "trusted_proxies": ("10.0.0.5",),
    "allowed_hosts": ("dingkao.example",),
    "hsts_seconds": 31_536_000,
    "second_factor_roles": ("AUTHORITY_OFFICER",),
}


def facts(**changes: Any) -> Facts:
    """A deployment with nothing to be said about, but for `changes` of its settings."""
    return Facts(Settings(_env_file=None, **{**GOOD, **changes}), workers=4, hosts=3)  # type: ignore[call-arg]


def test_nothing_is_said_of_a_good_one() -> None:
    assert find_unsafe(facts()) == []


def beyond(bound: Bound) -> dict[str, Any]:
    """The first value that is weaker than what is recommended."""
    if bound.most is not None:
        return {bound.setting: bound.most + 1}
    assert bound.least is not None
    return {bound.setting: bound.least - 1}


# By code: what makes the good one bad.
SETTINGS: list[tuple[str, dict[str, Any]]] = [
    ("audit-signature", {"audit_signing_key": None}),
    ("sms-clear", {"sms_url": "http://sms.example"}),
    ("sms-interval", {"sms_code_interval_seconds": 59}),
    ("explorer", {"explorer": True, "introspection": False}),
    ("introspection", {"introspection": True}),
    ("plain-url", {"public_url": "http://dingkao.example"}),
    ("local-url", {"public_url": "https://127.0.0.1:8000", "allowed_hosts": ("127.0.0.1",)}),
    ("local-url", {"public_url": "https://localhost", "allowed_hosts": ("localhost",)}),
    ("proxies", {"trusted_proxies": ()}),
    ("files-shared", {"storage_url": "/srv/files"}),
    ("database-tls", {"database_url": "postgresql://dingkao:x@db.example/dingkao"}),
    ("database-tls", {"database_url": "postgresql://dingkao:x@db.example/dingkao?sslmode=prefer"}),
    ("cors", {"cors_origins": ("https://a.example", "http://b.example")}),
    ("cors", {"cors_origins": ("*",)}),
    ("debug-log", {"log_level": "DEBUG"}),
    ("session-hours", {"session_hours": 13}),
    ("totp", {"second_factor_roles": ()}),
    ("hosts", {"allowed_hosts": ()}),
    ("hosts", {"allowed_hosts": ("other.example",)}),
    ("hsts", {"hsts_seconds": 0}),
    ("documents", {"documents_mode": "off"}),
    ("documents", {"documents_mode": "log"}),
    ("long-links", {"link_seconds": 601}),
    ("wechat-clear", {"wechat_app_id": "wx0", "wechat_app_secret": SECRET, "wechat_url": "http://wechat.example"}),
    ("wide-hospitals", {"hospital_addresses": ("198.51.100.0/24", "0.0.0.0/1")}),
    ("wide-hospitals", {"hospital_addresses": ("2001:db8::/31",)}),
    ("wide-proxies", {"trusted_proxies": ("10.0.0.5", "172.0.0.0/8")}),
    *(("weak-settings", beyond(bound)) for bound in WAYS_IN),
    *(("wide-limits", beyond(bound)) for bound in LIMITS),
]
OTHERS: list[tuple[str, dict[str, Any]]] = [
    ("demo-accounts", {"has_demo": True}),
    ("no-keys", {"keys": 0}),
    ("published-keys", {"has_published_keys": True}),
    ("sms-outbox", {"sms_is_outbox": True}),
    ("face-service", {"face_is_accepted_unseen": True}),
    ("seal", {"has_seal": False}),
    ("faces-overdue", {"overdue_faces": 3}),
    ("root", {"is_root": True}),
    ("retention", {"retention_days": None}),
    ("retention", {"retention_days": 32}),
]


@pytest.mark.parametrize(("code", "changes"), SETTINGS, ids=str)
def test_a_setting_that_is_unsafe(code: str, changes: dict[str, Any]) -> None:
    (finding,) = find_unsafe(facts(**changes))
    assert finding.code == code
    assert SECRET.get_secret_value() not in finding.found


@pytest.mark.parametrize(("code", "changes"), OTHERS, ids=str)
def test_what_is_no_setting(code: str, changes: dict[str, Any]) -> None:
    assert [finding.code for finding in find_unsafe(replace(facts(), **changes))] == [code]


@pytest.mark.parametrize(
    ("workers", "hosts", "codes"),
    [(1, 1, ["sqlite"]), (2, 1, ["sqlite-shared", "sqlite"]), (1, 2, ["sqlite-shared", "sqlite"])],
)
def test_sqlite_is_for_one_process(workers: int, hosts: int, codes: list[str]) -> None:
    asked = replace(facts(database_url="sqlite:///var/dingkao.db"), workers=workers, hosts=hosts)
    assert [finding.code for finding in find_unsafe(asked)] == codes


def test_files_that_others_can_read(tmp_path: Path) -> None:
    private, open_to_group, open_to_all = tmp_path / "a", tmp_path / "b", tmp_path / "c"
    for path, mode in ((private, 0o700), (open_to_group, 0o740), (open_to_all, 0o704)):
        path.mkdir(mode=mode)
        path.chmod(mode)
    asked = replace(facts(), private_paths=[private, open_to_group, open_to_all, tmp_path / "not there"])
    (finding,) = find_unsafe(asked)
    assert finding.code == "readable-files"
    assert str(open_to_group) in finding.found
    assert str(open_to_all) in finding.found
    assert str(private) not in finding.found


def test_all_that_is_weaker_is_named_with_what_is_recommended() -> None:
    (finding,) = find_unsafe(facts(access_minutes=240, login_wait_minutes=1, step_up_minutes=5))
    assert finding.severity is Severity.UNSAFE
    assert "DINGKAO_ACCESS_MINUTES is 240, recommended at most 15" in finding.found
    assert "DINGKAO_LOGIN_WAIT_MINUTES is 1, recommended at least 15" in finding.found
    assert "STEP_UP" not in finding.found


# Numbers that no check looks at, by why.
CAPACITY = {
    "most_running", "most_saving", "most_waiting", "longest_wait_seconds", "live_connections", "live_seconds",
    "sweep_seconds", "password_lanes", "sms_seconds", "sms_tries", "sms_breaker_failures", "sms_breaker_seconds",
    "wechat_seconds",
}  # fmt: skip
# How long a province keeps what: bounded by the settings themselves (docs/operators/retention.md).
RETENTION = {
    "audit_days", "session_keep_days", "code_keep_days", "activation_keep_days", "message_keep_days",
    "upload_keep_days", "record_keep_years",
}  # fmt: skip
# No value that the setting takes is weaker than the texts ask for: ASVS 6.5.5, ten minutes.
BOUNDED = {"sms_code_minutes"}
LOOKED_AT = {"session_hours", "link_seconds", "hsts_seconds", "sms_code_interval_seconds"}


def test_every_number_is_judged() -> None:
    numbers = {name for name, field in Settings.model_fields.items() if field.annotation in (int, float)}
    bounded = [bound.setting for bound in (*WAYS_IN, *LIMITS)]
    assert len(set(bounded)) == len(bounded)
    others = CAPACITY | RETENTION | BOUNDED | LOOKED_AT
    assert set(bounded) | others == numbers, "give a new setting its bound in dingkao.host.recommended, or say why not"
    assert not set(bounded) & others


def test_every_check_is_tried_and_says_what_to_do() -> None:
    codes = [check.code for check in CHECKS]
    assert len(set(codes)) == len(codes)
    tried = {code for code, _ in [*SETTINGS, *OTHERS]} | {"sqlite", "sqlite-shared", "readable-files"}
    assert tried == set(codes)
    assert all(check.advice for check in CHECKS)
    assert {check.severity for check in CHECKS} == set(Severity)
