"""The zone's plugin, built and installed as strangers do it, on a server of its own, asked over HTTP."""

import io
import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import httpx
import pytest
from installing import ROOT, InstalledEnvironment, build_wheel, clean_variables, make_environment
from rich.console import Console
from serve_two_regions import PASSWORD

from dingkao.tour import pictures
from dingkao.tour import steps_registration as registration
from dingkao.tour import steps_result as result
from dingkao.tour import steps_review as review
from dingkao.tour import steps_tests as sittings
from dingkao.tour.client import Account, Report
from dingkao.tour.people import Doctor, World
from dingkao.tour.questions import HUMANITIES, Bank, read_bank

EXAMPLE = ROOT / "examples" / "chengdu_hightech"
SCRIPT = Path(__file__).with_name("serve_two_regions.py")
TITLE, PRACTICE = "TITLE_CERTIFICATE", "PRACTICE_CERTIFICATE"
BEFORE, FIRST_DAY, AFTER = date(2025, 2, 3), date(2025, 2, 10), date(2025, 2, 25)


@pytest.fixture(scope="module")
def installed(dingkao_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> InstalledEnvironment:
    folder = tmp_path_factory.mktemp("chengdu")
    return make_environment(folder / "environment", [dingkao_wheel, build_wheel(EXAMPLE, folder)])


@dataclass(frozen=True)
class Server:
    """Two samples on a server in a process of its own."""

    folder: Path
    http: httpx.Client
    report: Report

    def on(self, day: date) -> None:
        """Set the server's clock to 10:00 in China."""
        instant = datetime.combine(day, time(2), UTC).isoformat()
        (self.folder / "clock").write_text(instant, encoding="utf-8")

    def world(self, region: str) -> tuple[World, list[Doctor]]:
        """The staff and the doctors of a sample, logged in anew: sessions end with the day."""
        accounts = json.loads((self.folder / "accounts.json").read_text(encoding="utf-8"))[region]
        staff = {role: self._logged_in(name) for role, name in accounts["staff"].items()}
        world = World(
            http=self.http,
            report=self.report,
            read_code=lambda phone: "",
            authority=staff["authority"],
            second_authority=staff["second-authority"],
            bank_author=staff["authority"],
            bank_approver=staff["second-authority"],
            security_administrator=staff["authority"],
            system_administrator=staff["authority"],
            audit_administrator=staff["authority"],
            institution=staff["institution"],
            body=staff["body"],
            other_institution=staff["institution"],
            hospital_id="",
            body_id="",
            other_hospital_id="",
        )
        doctors = [
            Doctor(
                account=self._logged_in(doctor["number"]),
                name=doctor["name"],
                document_number=doctor["number"],
                identity_number=doctor["number"],
                born=date(1980, 1, 1),
                phone="13800000000",
                in_registry=True,
                practising_since=date(2005, 1, 1),
                password=PASSWORD,
                assessment_id=doctor["assessment"],
            )
            for doctor in accounts["doctors"]
        ]
        return world, doctors

    def _logged_in(self, name: str) -> Account:
        account = Account(name, self.http, self.report)
        credentials = {"documentNumber": name, "password": PASSWORD}
        account.token = account.do("LogIn", "SessionStarted", "登录成功", input=credentials)["token"]
        return account


@contextmanager
def serving(installed: InstalledEnvironment, folder: Path) -> Iterator[Server]:
    # Connections wait in the socket's queue until the server has started: nobody needs to ask whether it has.
    log = folder / "server.log"
    with socket.create_server(("127.0.0.1", 0)) as listening, log.open("w", encoding="utf-8") as written:
        command = [str(installed.python), str(SCRIPT), str(folder), str(listening.fileno())]
        process = subprocess.Popen(
            command,
            pass_fds=[listening.fileno()],
            env=clean_variables({}),
            cwd=folder,
            stdout=written,
            stderr=subprocess.STDOUT,
        )
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        try:
            with httpx.Client(base_url=address, timeout=60, trust_env=False) as http:
                try:
                    assert http.get("/healthz").status_code == 200
                except httpx.TransportError:
                    pytest.fail(f"the server did not answer:\n{log.read_text(encoding='utf-8')}")
                yield Server(folder, http, Report(Console(file=io.StringIO())))
        finally:
            process.terminate()
            process.wait(timeout=30)


def a_bank() -> Bank:
    lines = [f"医学人文第{number}题,正确{number},甲,乙,丙,A" for number in range(100)]
    return read_bank(HUMANITIES, "made-up.csv", "\n".join(["Question,A,B,C,D,Answer", *lines]))


def fill_bank(world: World) -> None:
    """One officer imports the questions, another approves them."""
    given = {"subject": HUMANITIES, "csv": a_bank().csv, "source": "made-up.csv", "replace": True}
    imported = world.bank_author.do("ImportQuestions", "QuestionImport", "导入题库", input=given)
    approval = {"importId": imported["importId"]}
    world.bank_approver.do("ApproveQuestions", "QuestionBankChange", "审定题库", input=approval)


def enrol(doctor: Doctor) -> None:
    registration.fill_form(doctor)
    registration.fill_histories(doctor)
    registration.evaluate_self(doctor)
    registration.choose_general(doctor)
    registration.submit(doctor)


def request(doctor: Doctor, condition: str, *kinds: str | None) -> dict[str, Any]:
    """The input of RequestExemption, with a proof uploaded for each of `kinds`."""
    proofs = [
        {
            "file": doctor.account.upload(
                doctor.assessment_id, "EXEMPTION_PROOF", "证书.png", pictures.proof(), "上传"
            ),
            "kind": kind,
        }
        for kind in kinds
    ]
    return {"assessmentId": doctor.assessment_id, "conditions": [condition], "proofs": proofs}


def ask(doctor: Doctor, condition: str, *kinds: str | None) -> str:
    asked = doctor.account.do("RequestExemption", "Exemption", "申请免考", input=request(doctor, condition, *kinds))
    return str(asked["id"])


def approve(world: World, exemption: str, level: str) -> str:
    account = world.institution if level == "INSTITUTION" else world.body
    decision = {"exemptionId": exemption, "level": level, "decision": "APPROVE"}
    return str(account.do("DecideExemption", "Exemption", "免考审核通过", input=decision)["state"])


def states(doctor: Doctor) -> dict[str, str]:
    return {paper["subject"]: paper["state"] for paper in sittings.papers(doctor, "试卷")["papers"]}


def fail_by_rating(world: World, doctor: Doctor) -> None:
    enrol(doctor)
    review.approve_by_institution(world, doctor, review.ETHICS_FAILED)
    review.confirm_failure(world, doctor)
    result.announce(world, [doctor])


def test_it_is_installed_beside_dingkao(installed: InstalledEnvironment, tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/dingkao.db"
    listed = json.loads(installed.command("plugins", "--json", DINGKAO_DATABASE_URL=database))
    (shown,) = [plugin for plugin in listed if plugin["name"] == "chengdu_hightech"]
    assert (shown["version"], shown["distribution"]) == ("2025.1", "dingkao-chengdu-hightech")
    assert {"exemptions.window", "exemptions.excluded", "documents.notice_printable"} <= {
        override["key"] for override in shown["overrides"]
    }
    # What runs is what was installed, not this checkout.
    (tmp_path / "where.py").write_text(
        "import dingkao, dingkao_chengdu_hightech as z; print(dingkao.__file__, z.__file__)"
    )
    assert installed.run(tmp_path / "where.py").count(str(installed.folder)) == 2


def test_its_own_tests_pass_there(installed: InstalledEnvironment, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE / "tests", tmp_path / "tests")
    shutil.copy(EXAMPLE / "pyproject.toml", tmp_path)
    # The contract is the longest of them, and looks at the plugin alone: it passes here as it does in the checkout.
    command = [str(installed.python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "not TestContract"]
    done = subprocess.run(
        command, cwd=tmp_path, env=clean_variables({}), capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_way_of_an_exemption_in_the_zone(installed: InstalledEnvironment, tmp_path: Path) -> None:
    (tmp_path / "clock").write_text(datetime.combine(BEFORE, time(2), UTC).isoformat(), encoding="utf-8")
    with serving(installed, tmp_path) as server:
        world, (doctor, _) = server.world("zone")
        fill_bank(world)
        enrol(doctor)
        review.approve_by_institution(world, doctor)
        doctor.account.refused("RequestExemption", "NOT_APPROVED_YET", input=request(doctor, "NEXT_TITLE_EXAM"))
        review.approve_by_body(world, doctor)
        doctor.account.refused(
            "RequestExemption", "EXEMPTION_WINDOW_NOT_OPEN", input=request(doctor, "NEXT_TITLE_EXAM")
        )

        server.on(FIRST_DAY)
        world, (doctor, _) = server.world("zone")
        for excluded in ("GENERAL_PRACTICE_TRANSFER", "ASSISTANT_TO_LICENSED"):
            doctor.account.refused("RequestExemption", "CONDITION_EXCLUDED", input=request(doctor, excluded))
        one_kind = request(doctor, "NEXT_TITLE_EXAM", TITLE)
        doctor.account.refused("RequestExemption", "PROOF_KIND_MISSING", input=one_kind)
        exemption = ask(doctor, "NEXT_TITLE_EXAM", TITLE, PRACTICE)
        too_soon = {"exemptionId": exemption, "level": "BODY", "decision": "APPROVE"}
        world.body.refused("DecideExemption", "NOT_IN_THIS_STATE", input=too_soon)
        assert approve(world, exemption, "INSTITUTION") == "INSTITUTION_APPROVED"
        assert states(doctor) == {"HUMANITIES": "AVAILABLE", "PROFESSIONAL": "LOCKED"}
        assert approve(world, exemption, "BODY") == "BODY_APPROVED"
        assert states(doctor) == {"HUMANITIES": "AVAILABLE", "PROFESSIONAL": "EXEMPT"}
        sittings.consent(doctor)
        sittings.sit(doctor, HUMANITIES, a_bank(), right=True)
        result.announce(world, [doctor])
        _, (_, stranger) = server.world("zone")
        result.print_notice(doctor, stranger, "合格", "本通知书由医师本人自行打印")

        server.on(AFTER)
        world, (_, late) = server.world("zone")
        enrol(late)
        review.approve_by_institution(world, late)
        review.approve_by_body(world, late)
        late.account.refused("RequestExemption", "EXEMPTION_WINDOW_CLOSED", input=request(late, "NEXT_TITLE_EXAM"))


def test_the_same_way_in_a_district_beside_it(installed: InstalledEnvironment, tmp_path: Path) -> None:
    (tmp_path / "clock").write_text(datetime.combine(BEFORE, time(2), UTC).isoformat(), encoding="utf-8")
    with serving(installed, tmp_path) as server:
        world, (doctor, failed) = server.world("district")
        enrol(doctor)
        unknown = request(doctor, "ASSISTANT_TO_LICENSED", None)
        doctor.account.refused("RequestExemption", "CONDITION_NOT_OFFERED", input=unknown)
        # At once, on one proof of whatever kind, while the institution still reviews the enrolment.
        exemption = ask(doctor, "NEXT_TITLE_EXAM", None)
        approve(world, exemption, "INSTITUTION")
        approve(world, exemption, "BODY")
        assert states(doctor) == {"HUMANITIES": "LOCKED", "PROFESSIONAL": "EXEMPT"}
        fail_by_rating(world, failed)
        notice = {"assessmentId": failed.assessment_id}
        failed.account.refused("IssueNotice", "NOTICE_NOT_PRINTABLE", input=notice)


# The last in this file: it takes the plugin out of the environment of all.
def test_a_cycle_keeps_its_rules_when_the_plugin_is_gone(installed: InstalledEnvironment, tmp_path: Path) -> None:
    (tmp_path / "clock").write_text(datetime.combine(FIRST_DAY, time(2), UTC).isoformat(), encoding="utf-8")
    with serving(installed, tmp_path) as server:
        world, (doctor, _) = server.world("zone")
        enrol(doctor)
        review.approve_by_institution(world, doctor)
        review.approve_by_body(world, doctor)
        exemption = ask(doctor, "NEXT_TITLE_EXAM", TITLE, PRACTICE)
    installed.uninstall("dingkao-chengdu-hightech")
    with serving(installed, tmp_path) as server:
        world, (doctor, other) = server.world("zone")
        names = {plugin["name"] for plugin in world.authority.read("Plugins", "插件")}
        assert "chengdu_hightech" not in names
        seen = doctor.account.read("Exemption", "免考申请", id=exemption)
        assert [proof["kindTitle"] for proof in seen["proofs"]][1] == "完整的医师执业证书（全部信息页，电子证照亦可）"
        assert approve(world, exemption, "INSTITUTION") == "INSTITUTION_APPROVED"
        assert approve(world, exemption, "BODY") == "BODY_APPROVED"
        # The cycle was opened with the plugin: its window and its exclusions stay in force until it ends.
        enrol(other)
        review.approve_by_institution(world, other)
        review.approve_by_body(world, other)
        excluded = request(other, "ASSISTANT_TO_LICENSED")
        other.account.refused("RequestExemption", "CONDITION_EXCLUDED", input=excluded)
        server.on(AFTER)
        _, (_, other) = server.world("zone")
        other.account.refused("RequestExemption", "EXEMPTION_WINDOW_CLOSED", input=request(other, "NEXT_TITLE_EXAM"))
