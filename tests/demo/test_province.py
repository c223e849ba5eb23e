"""The demo province: made once, whole, usable; its questions and its roster are well formed."""

import asyncio
from collections import Counter
from datetime import date, timedelta
from importlib.resources import files

import pytest

from dingkao.accounts.passwords import verify_password
from dingkao.accounts.tables import Account, RoleAssignment
from dingkao.assessments.access import gather_facts, pinned_policy
from dingkao.assessments.form_tables import RegistrationForm
from dingkao.assessments.records import AssessmentRecord, read_records
from dingkao.assessments.tables import Assessment
from dingkao.audit.work import SYSTEM_CALLER
from dingkao.clock import china_date
from dingkao.cycles.tables import Cycle
from dingkao.demo import people
from dingkao.demo.people import DOCTORS, INITIAL_PASSWORD, PASSWORD, STAFF
from dingkao.demo.province import DemoAccounts, ensure_demo
from dingkao.doctors.importing import import_doctors
from dingkao.doctors.tables import Doctor
from dingkao.environment import Environment
from dingkao.papers.question_file import NewQuestion, QuestionColumns, read_questions
from dingkao.papers.tables import Question
from dingkao.plugin.national import AccountsPolicy, PapersPolicy
from dingkao.plugin.vocabulary import PaperSubject
from dingkao.testing.clock import SettableClock


def demo_file(*names: str) -> str:
    return files("dingkao.demo").joinpath(*names).read_text(encoding="utf-8")


@pytest.fixture
async def accounts(environment: Environment) -> DemoAccounts:
    return await ensure_demo(environment)


async def _record(name: str) -> AssessmentRecord:
    row = await Assessment.select(Assessment.id).where(Assessment.doctor.name == name).first()
    assert row is not None
    return (await read_records([row["id"]]))[row["id"]]


async def test_enrolment_and_tests_are_open_now_and_stay_so(environment: Environment, accounts: DemoAccounts) -> None:
    cycle = await Cycle.select().first()
    assert cycle is not None
    now = environment.clock.now()
    assert cycle["state"] == "RUNNING"
    assert (cycle["starts_on"], cycle["ends_on"]) == (date(2024, 1, 1), date(2026, 12, 31))
    for window in ("enrolment", "tests"):
        assert cycle[f"{window}_from"] <= now < now + timedelta(days=365) < cycle[f"{window}_until"]


async def test_every_doctor_is_in_the_cycle_with_the_body(environment: Environment, accounts: DemoAccounts) -> None:
    rows = await Assessment.select(Assessment.state, Assessment.body.code.as_alias("body"))
    assert Counter(row["state"] for row in rows) == {
        "OPENED": sum(doctor.opened for doctor in DOCTORS),
        "NOT_OPENED": sum(not doctor.opened for doctor in DOCTORS),
    }
    assert len(rows) == len(DOCTORS) >= 12
    assert {row["body"] for row in rows} == {people.BODY}
    assert await RegistrationForm.count() == sum(doctor.opened for doctor in DOCTORS)


async def test_accounts_are_what_is_told(environment: Environment, accounts: DemoAccounts) -> None:
    rows = {row["login_name"]: row for row in await Account.select()}
    assert set(rows) == {account.login_name for account in accounts}
    for account in accounts:
        stored = rows[account.login_name]["password_hash"]
        if account.password == INITIAL_PASSWORD:
            assert stored is None
        else:
            assert account.password == PASSWORD
    # All were hashed once together; one check stands for them.
    hashes = {row["password_hash"] for row in rows.values()} - {None}
    assert [await verify_password(stored, PASSWORD) for stored in hashes] == [True]
    assert await RoleAssignment.count() == sum(1 + len(member.also) for member in STAFF)
    policy = await pinned_policy(environment, await _record("王䶮"))
    assert policy.section(AccountsPolicy).initial_password == INITIAL_PASSWORD


@pytest.mark.parametrize(
    ("name", "simple"), [("陈静宜", True), ("李思远", True), ("赵明哲", False), ("孙立群", False), ("王䶮", True)]
)
async def test_doctors_show_what_they_are_there_for(
    environment: Environment, accounts: DemoAccounts, name: str, simple: bool
) -> None:
    record = await _record(name)
    facts = await gather_facts(record, environment.clock.now())
    policy = await pinned_policy(environment, record)
    assert bool(environment.registry.procedures["SIMPLE"].ineligibility(facts, policy)) is not simple
    assert not environment.registry.procedures["GENERAL"].ineligibility(facts, policy)


async def test_second_run_changes_nothing(
    environment: Environment, clock: SettableClock, accounts: DemoAccounts
) -> None:
    clock.advance(timedelta(days=800))
    before = [await table.count() for table in (Doctor, Account, Assessment, Cycle, Question)]
    assert await ensure_demo(environment) == accounts
    assert [await table.count() for table in (Doctor, Account, Assessment, Cycle, Question)] == before


async def test_two_starts_at_once_make_one_province(environment: Environment) -> None:
    first, second = await asyncio.gather(ensure_demo(environment), ensure_demo(environment))
    assert first == second
    assert await Doctor.count() == len(DOCTORS)


async def test_it_is_made_whole_or_not_at_all(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*names: str) -> None:
        raise OSError("the file is gone")

    monkeypatch.setattr("dingkao.demo.province.files", broken)
    with pytest.raises(OSError, match="gone"):
        await ensure_demo(environment)
    assert await Account.count() == 0
    monkeypatch.undo()
    assert await ensure_demo(environment)


async def test_every_day_of_the_year_will_do(environment: Environment, clock: SettableClock) -> None:
    """On 1 January there is no day of the cycle's last year before it."""
    clock.set(clock.now().replace(month=1, day=1, hour=0))
    assert china_date(clock.now()) == date(2026, 1, 1)
    assert await ensure_demo(environment)


async def test_bank_is_large_enough_for_the_papers(environment: Environment, accounts: DemoAccounts) -> None:
    policy = await pinned_policy(environment, await _record("陈静宜"))
    for subject in PaperSubject:
        number = await Question.count().where((Question.subject == subject.value) & (Question.state == "APPROVED"))
        assert number == 30 >= policy.section(PapersPolicy).rules[subject].questions


@pytest.mark.parametrize("subject", list(PaperSubject))
def test_questions_are_well_formed(subject: PaperSubject) -> None:
    questions = list(read_questions(demo_file("questions", f"{subject.value.lower()}.csv"), QuestionColumns()))
    assert len(questions) == 30
    assert all(isinstance(question, NewQuestion) for question in questions)
    read = [question for question in questions if isinstance(question, NewQuestion)]
    assert len({question.digest for question in read}) == 30
    assert all(len(question.options) == 4 for question in read)
    # No letter gives the paper away.
    assert all(4 <= number <= 10 for number in Counter(question.answer for question in read).values())


async def test_sample_roster_is_imported_beside_the_demo(environment: Environment, accounts: DemoAccounts) -> None:
    report = await import_doctors(environment, SYSTEM_CALLER, demo_file("doctors.csv"))
    assert (report.imported, report.refused, report.remarks) == (8, (), ())
    assert await Assessment.count() == len(DOCTORS) + 8
