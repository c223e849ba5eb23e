"""What `dingkao new-plugin` refuses, and that what it writes is in order."""

import subprocess
import sys
from pathlib import Path

import pytest

from dingkao.cli.new_plugin import _taken
from dingkao.scaffold.baking import CannotBake, bake

TAKEN = {"assessment_paper": "the core's tables", "Doctor": "the core's GraphQL types"}


def test_it_writes_a_distribution_in_order(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "dingkao-night-shift"
    written = bake("night_shift", "510191", folder, _taken())
    assert sorted(written) == sorted(path for path in folder.rglob("*") if path.is_file())
    assert {path.name for path in tmp_path.joinpath("made").iterdir()} == {"dingkao-night-shift"}
    texts = {path: path.read_text(encoding="utf-8") for path in written}
    assert [path for path, text in texts.items() if "${" in text or "PACKAGE" in str(path)] == []
    assert "$$" not in "".join(texts.values())
    assert 'night_shift = "dingkao_night_shift.plugin:plugin"' in texts[folder / "pyproject.toml"]
    assert "中文" in texts[folder / "README.md"]
    assert "English" in texts[folder / "README.md"]
    assert "class NightShiftNote" in texts[folder / "dingkao_night_shift" / "graphql.py"]
    for arguments in (("check", "--select", "E,F,I,B,UP,N,RUF100"), ("format", "--check")):
        checked = subprocess.run(
            [Path(sys.executable).parent / "ruff", *arguments, folder], capture_output=True, text=True, check=False
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize(
    "name", ["", "ab", "Sichuan", "四川", "si-chuan", "1sichuan", "_x_y", "a__b", "sichuan_", "lambda", "x" * 31]
)
def test_a_bad_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CannotBake, match="cannot be a plugin's name: 3 to 30 lower-case letters"):
        bake(name, "510000", tmp_path / "new", TAKEN)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("exemptions", "there is a plugin exemptions already"),
        ("core", "there is a plugin core already"),
        ("assessment", "assessment_paper of the core's tables begins with"),
        ("doctor", "Doctor of the core's GraphQL types begins with"),
    ],
)
def test_a_name_that_somebody_has_is_refused(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(CannotBake, match=reason):
        bake(name, "510000", tmp_path / "new", TAKEN)


def test_the_real_core_takes_its_names() -> None:
    taken = _taken()
    assert {"assessment_paper", "Doctor", "account"} <= set(taken)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("", "is no region's code"),
        ("51", "is no region's code"),
        ("5101911", "is no region's code"),
        ("51O000", "is no region's code"),
        ("５１００００", "is no region's code"),
        ("160000", "no province's code begins with 16"),
        ("000000", "no province's code begins with 00"),
        ("510001", "names a county of no prefecture"),
    ],
)
def test_a_bad_region_is_refused(tmp_path: Path, code: str, reason: str) -> None:
    with pytest.raises(CannotBake, match=reason):
        bake("sichuan", code, tmp_path / "new", TAKEN)


@pytest.mark.parametrize("code", ["110000", "510000", "510100", "510191", "429004", "990000"])
def test_regions_of_every_level_are_taken(tmp_path: Path, code: str) -> None:
    bake("sichuan", code, tmp_path / "new", TAKEN)
    policy = (tmp_path / "new" / "dingkao_sichuan" / "policy.py").read_text(encoding="utf-8")
    assert f'REGION_CODE = "{code}"' in policy


def test_what_is_there_is_never_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    with pytest.raises(CannotBake, match="is there already: nothing is overwritten"):
        bake("sichuan", "510000", folder, TAKEN)
    assert list(folder.iterdir()) == []


def test_where_it_fails_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Path, target: Path) -> Path:
        raise OSError("a full disk")

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OSError, match="a full disk"):
        bake("sichuan", "510000", tmp_path / "new", TAKEN)
    assert list(tmp_path.iterdir()) == []
