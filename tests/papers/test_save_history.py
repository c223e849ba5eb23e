"""The history of an attempt's saves: whole, in order, for those who may see it."""

from datetime import timedelta

from dingkao.audit.tables import AuditEntry
from dingkao.papers.answers import GivenAnswer, save_answers
from dingkao.papers.attempts import start_attempt, submit_attempt
from dingkao.papers.save_history import SentAnswer, read_saves
from dingkao.plugin.contributions import PaperPlan
from dingkao.plugin.national import Reveal
from dingkao.plugin.vocabulary import PaperSubject
from dingkao.testing.clock import SettableClock
from dingkao.testing.refusals import refused_access
from dingkao.testing.sample import SampleDoctor

from .sittings import Sittings

ONCE = (PaperPlan(PaperSubject.HUMANITIES, 1),)


async def _answered(sittings: Sittings) -> tuple[SampleDoctor, int]:
    doctor = await sittings.doctor(ONCE)
    attempt = await start_attempt(sittings.environment, doctor.caller, (await sittings.papers(doctor))[0].id)
    for answers in (
        [GivenAnswer(1, "B", 2)],
        [GivenAnswer(1, "A", 1), GivenAnswer(2, "C", 3)],
        [GivenAnswer(1, "", 4)],
    ):
        await save_answers(sittings.environment, doctor.caller, attempt, answers)
    return doctor, attempt


async def test_an_invigilator_sees_every_change_and_the_audit_tells(sittings: Sittings) -> None:
    environment, body = sittings.environment, sittings.province.body
    doctor, attempt = await _answered(sittings)
    saves = await read_saves(environment, body, attempt, after=0, limit=100)
    assert [(save.revision, save.device, save.late) for save in saves] == [(1, 1, False), (2, 1, False), (3, 1, False)]
    assert [save.answers for save in saves] == [
        (SentAnswer(1, "B", 2, True),),
        # It came later and is older: it is kept, and took no place.
        (SentAnswer(1, "A", 1, False), SentAnswer(2, "C", 3, True)),
        (SentAnswer(1, "", 4, True),),
    ]
    assert await read_saves(environment, sittings.province.authority, attempt, after=1, limit=1) == saves[1:2]
    read = await AuditEntry.select(AuditEntry.account, AuditEntry.object_id).where(
        AuditEntry.action == "READ_ATTEMPT_SAVES"
    )
    assert sorted((row["account"], row["object_id"]) for row in read) == sorted(
        (caller.account_id, attempt) for caller in (body, sittings.province.authority)
    )
    assert await refused_access(read_saves(environment, doctor.caller, attempt, after=0, limit=1)) == "FORBIDDEN"
    institution = sittings.province.institution
    assert await refused_access(read_saves(environment, institution, attempt, after=0, limit=1)) == "FORBIDDEN"
    other = await sittings.doctor(ONCE)
    assert await refused_access(read_saves(environment, other.caller, attempt, after=0, limit=1)) == "NOT_FOUND"
    assert await refused_access(read_saves(environment, body, attempt + 1000, after=0, limit=1)) == "NOT_FOUND"


async def test_the_doctor_sees_his_own_when_the_policy_shows_the_answers(
    sittings: Sittings, clock: SettableClock
) -> None:
    environment = sittings.environment
    for reveal in (Reveal.MARKS, Reveal.ANSWERS):
        await sittings.pin(reveal=reveal.value)
        doctor, attempt = await _answered(sittings)
        await submit_attempt(environment, doctor.caller, attempt)
        until, now = (await sittings.record(doctor)).tests_until, clock.now()
        clock.set(until - timedelta(microseconds=1))
        assert await refused_access(read_saves(environment, doctor.caller, attempt, after=0, limit=9)) == "FORBIDDEN"
        clock.set(until)
        if reveal is Reveal.ANSWERS:
            assert len(await read_saves(environment, doctor.caller, attempt, after=0, limit=9)) == 3
        else:
            refused = read_saves(environment, doctor.caller, attempt, after=0, limit=9)
            assert await refused_access(refused) == "FORBIDDEN"
        clock.set(now)
