"""`dingkao check`, and secrets that lie in files."""

from pathlib import Path

import pytest
from command_line import Run

from dingkao.settings import BadSettings, Settings, load_settings


def test_the_demo_is_told_all_that_is_unsafe_in_it(run: Run, tmp_path: Path) -> None:
    assert run("demo", "--prepare-only").code == 0
    plain = run("check")
    assert (plain.code, plain.out) == (0, "settings, plugins and database are ready to serve\n")
    found = run("check", "--deploy", "--workers", "2")
    assert found.code == 1
    codes = {line.split()[1] for line in found.out.splitlines() if line.split()[:1] in (["unsafe"], ["advice"])}
    unsafe = {"published-keys", "demo-accounts", "explorer", "introspection", "plain-url", "local-url"}
    unsafe |= {"proxies", "sqlite-shared", "sms-outbox"}
    assert unsafe <= codes
    assert "run dingkao keys new" in found.out
    assert found.complaint.startswith("dingkao: ")
    assert found.complaint.endswith("advice: not ready for production")
    # What the server itself makes, nobody else can read.
    assert "readable-files" not in codes


def test_what_could_not_start_is_said(run: Run) -> None:
    outcome = run("check", "--deploy")
    assert outcome.code == 1
    assert "run `dingkao migrate` first" in outcome.complaint


def test_secrets_from_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = tmp_path / "key"
    key.write_text("a-key-that-lies-in-a-file\n")
    url = tmp_path / "url"
    url.write_text("sqlite:///elsewhere.db")
    monkeypatch.setenv("DINGKAO_SMS_SECRET_FILE", str(key))
    monkeypatch.setenv("DINGKAO_DATABASE_URL_FILE", str(url))
    monkeypatch.setenv("DINGKAO_LOG_LEVEL_FILE", str(url))
    settings = load_settings()
    assert settings.sms_secret.get_secret_value() == "a-key-that-lies-in-a-file"
    assert settings.database_url == "sqlite:///elsewhere.db"
    # Only of secrets.
    assert settings.log_level == Settings.model_fields["log_level"].default
    monkeypatch.setenv("DINGKAO_SMS_SECRET", "another-key-in-the-environment")
    with pytest.raises(BadSettings, match="DINGKAO_SMS_SECRET and DINGKAO_SMS_SECRET_FILE are both set"):
        load_settings()
    monkeypatch.delenv("DINGKAO_SMS_SECRET")
    key.unlink()
    with pytest.raises(BadSettings, match=r"DINGKAO_SMS_SECRET_FILE: .* cannot be read: No such file"):
        load_settings()


def test_a_secret_in_a_file_is_listed_and_not_shown(run: Run, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("a-key-that-lies-in-a-file")
    outcome = run("settings", SMS_SECRET_FILE=str(tmp_path / "key"))
    assert outcome.code == 0
    assert "there is no setting" not in outcome.err
    (line,) = [line for line in outcome.out.splitlines() if line.strip().startswith("DINGKAO_SMS_SECRET ")]
    assert line.rstrip().endswith("file")
    assert "a-key-that-lies" not in outcome.out
