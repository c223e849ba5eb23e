"""The province's plugin, built and installed as strangers do it: alone beside Dingkao, served, and taken out."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from installing import ROOT, InstalledEnvironment, build_wheel, clean_variables, make_environment

from dingkao.testing.keys import TEST_KEYS

EXAMPLE = ROOT / "examples" / "shandong_2023"
SCRIPT = Path(__file__).with_name("play_spot_checks.py")


@pytest.fixture(scope="module")
def installed(dingkao_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> InstalledEnvironment:
    folder = tmp_path_factory.mktemp("shandong")
    return make_environment(folder / "environment", [dingkao_wheel, build_wheel(EXAMPLE, folder)])


def test_it_is_installed_beside_dingkao(installed: InstalledEnvironment, tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/dingkao.db"
    shown = installed.command("plugins", DINGKAO_DATABASE_URL=database)
    assert "shandong_2023" in shown
    assert "2023.1" in shown
    served = installed.command("schema", DINGKAO_DATABASE_URL=database)
    for name in ("type Shandong2023SpotCheck ", "spotChecks: [Shandong2023SpotCheck!]!", "drawSpotChecks("):
        assert name in served
    # Alone, without the bundled plugins: their code is not imported, and nothing of it is missed.
    blocked = "simple_procedure,general_procedure,exemptions,local_policy"
    alone = installed.command("schema", DINGKAO_DATABASE_URL=database, DINGKAO_PLUGINS_BLOCKED=blocked)
    assert "type Shandong2023SpotCheck " in alone
    assert "exemptionQueue" not in alone


def test_its_own_tests_pass_there(installed: InstalledEnvironment, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE / "tests", tmp_path / "tests")
    shutil.copy(EXAMPLE / "pyproject.toml", tmp_path)
    # The contract is the longest of them, and looks at the plugin alone: it passes here as it does in the checkout.
    command = [str(installed.python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "not TestContract"]
    done = subprocess.run(
        command, cwd=tmp_path, env=clean_variables({}), capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


# The last in this file: it takes the plugin out of the environment of all.
def test_results_stay_when_it_is_taken_out(installed: InstalledEnvironment, tmp_path: Path) -> None:
    server = {"DINGKAO_DATABASE_URL": f"sqlite:///{tmp_path}/dingkao.db", "DINGKAO_KEYS": TEST_KEYS}
    # The script blocks on nothing: it plays the way in one process, and prints what the API answers at its end.
    before = json.loads(installed.run(SCRIPT, "play", str(tmp_path), **server))
    assert before["assessment"]["state"] == "CONCLUDED"
    assert [check["state"] for check in before["assessment"]["spotChecks"]] == ["CONFIRMED"]
    installed.uninstall("dingkao-shandong-2023")

    def as_before() -> bool:
        after = json.loads(installed.run(SCRIPT, "read", str(tmp_path), **server))["assessment"]
        return all(after[name] == before["assessment"][name] for name in ("state", "conclusion", "procedureTitle"))

    assert as_before()
    exported = tmp_path / "spot-checks.jsonl"
    installed.command("plugins", "remove", "shandong_2023", "--yes", "--export", str(exported), **server)
    assert '"CONFIRMED"' in exported.read_text(encoding="utf-8")
    assert as_before()
