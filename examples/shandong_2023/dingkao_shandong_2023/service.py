"""Drawing spot checks, ordering one, and answering one: one function a use case."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import FieldProblem, Forbidden, NotFound, StateConflict, ValidationFailed
from dingkao.plugin.facts import AssessmentFacts
from dingkao.plugin.national import ReviewPolicy
from dingkao.plugin.services import PluginServices, Work
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import AssessmentState, ReviewLevel, Role
from dingkao_shandong_2023.policy import SpotCheckPolicy
from dingkao_shandong_2023.rules import MACHINE, ORDERABLE, Event, draw, is_drawn_from, number_to_draw
from dingkao_shandong_2023.rules import Shandong2023SpotCheckState as State
from dingkao_shandong_2023.store import CheckRecord, insert_draw, read_check, read_checks_of, read_queue
from dingkao_shandong_2023.tables import Draw, SpotCheck

# The most that one draw looks at: what the core locks at once. A larger institution is drawn from again.
POOL_MAXIMUM = 500
TEXT_MAXIMUM = 1000


async def draw_spot_checks(services: PluginServices, caller: Caller | None, institution_id: int) -> int:
    """Draw, by chance, the policy's share of an institution's doctors who wait for the body's approval under a
    procedure that is drawn from; returns the draw's key. Those who are not drawn are spared: they may be approved.

    By the assessment body. Raises NotLoggedIn, Forbidden, NotFound (an institution whose doctors it does not assess),
    StateConflict (nobody to draw from).
    """
    if not await services.find_assessments(
        caller, Role.BODY_REVIEWER, list(AssessmentState), institution_id=institution_id, limit=1
    ):
        raise NotFound
    found = await services.find_assessments(
        caller,
        Role.BODY_REVIEWER,
        [AssessmentState.INSTITUTION_APPROVED],
        institution_id=institution_id,
        limit=POOL_MAXIMUM,
    )
    async with services.work(caller) as work:
        facts_of = await work.lock_assessments(found)
        keys = [facts.assessment_id for facts in facts_of]
        checks = dict(zip(keys, await read_checks_of(keys), strict=True))
        pool: list[AssessmentFacts] = []
        rule = SpotCheckPolicy()
        for facts in facts_of:
            policy = (await work.policy(facts.assessment_id)).section(SpotCheckPolicy)
            if _waits_for_a_draw(facts, policy, checks[facts.assessment_id]):
                pool.append(facts)
                rule = policy
        if not pool:
            text = Text("该机构没有待抽查的医师。", "Nobody of this institution waits for a draw.")
            raise StateConflict("NOBODY_TO_DRAW", text, "NOBODY_TO_DRAW")
        work.role_on(pool[0], Role.BODY_REVIEWER)
        seed = secrets.randbits(62)
        number = number_to_draw(len(pool), rule)
        drawn = draw([facts.assessment_id for facts in pool], number, seed)
        draw_id = await insert_draw(
            Draw(
                institution=institution_id,
                body=pool[0].body_id,
                pool=len(pool),
                drawn=number,
                percent=rule.spot_check_percent,
                seed=seed,
                account=work.caller.account_id,
                drawn_at=work.now,
            ),
            [
                SpotCheck(
                    assessment=facts.assessment_id,
                    submission_number=facts.submission_number,
                    body=facts.body_id,
                    state=(State.OPEN if facts.assessment_id in drawn else State.SPARED).value,
                )
                for facts in pool
            ],
        )
        detail = {"institution": institution_id, "pool": len(pool), "drawn": number, "seed": seed}
        await work.record("DRAW_SPOT_CHECKS", "Shandong2023Draw", draw_id, detail)
    return draw_id


def _waits_for_a_draw(facts: AssessmentFacts, rule: SpotCheckPolicy, checks: Sequence[CheckRecord]) -> bool:
    # The state is looked at again under the lock.
    waits = facts.state is AssessmentState.INSTITUTION_APPROVED and is_drawn_from(facts, rule)
    return waits and all(check.submission_number != facts.submission_number for check in checks)


async def order_spot_check(services: PluginServices, caller: Caller | None, assessment_id: int, reason: str) -> int:
    """The authority orders a check of one doctor's material, whatever the draw said; returns the check's key (2007
    measure, Art. 10: the authority inspects). The body answers it as any other.

    Raises NotLoggedIn, NotFound, Forbidden, ValidationFailed (reason), StateConflict (nothing submitted is under way,
    or it is checked already).
    """
    _check_text("reason", reason, required=True)
    async with services.work(caller) as work:
        facts = await work.lock_assessment(assessment_id)
        work.role_on(facts, Role.AUTHORITY_OFFICER)
        if facts.state not in ORDERABLE:
            text = Text("当前状态下不能责令核查。", "Nothing is to be checked in the present state.")
            raise StateConflict("NOT_IN_THIS_STATE", text, facts.state.value)
        check = await _present_check(facts)
        if check is None:
            inserted = await SpotCheck.insert(
                SpotCheck(
                    assessment=assessment_id,
                    submission_number=facts.submission_number,
                    body=facts.body_id,
                    state=State.OPEN.value,
                    order_reason=reason.strip(),
                    ordered_by=work.caller.account_id,
                )
            ).returning(SpotCheck.id)
            check_id, source = int(inserted[0]["id"]), ""
        else:
            MACHINE.require(check.state, Event.ORDER)
            await SpotCheck.update(
                {
                    SpotCheck.state: State.OPEN.value,
                    SpotCheck.order_reason: reason.strip(),
                    SpotCheck.ordered_by: work.caller.account_id,
                }
            ).where(SpotCheck.id == check.id)
            check_id, source = check.id, check.state.value
        await work.record_transition(
            MACHINE.name, check_id, facts, source, Event.ORDER.value, State.OPEN.value, reason.strip()
        )
        await work.record("ORDER_SPOT_CHECK", "Shandong2023SpotCheck", check_id, {"assessment": assessment_id})
    return check_id


async def _present_check(facts: AssessmentFacts) -> CheckRecord | None:
    checks = (await read_checks_of([facts.assessment_id]))[0]
    return next((check for check in checks if check.submission_number == facts.submission_number), None)


async def record_spot_check(
    services: PluginServices, caller: Caller | None, check_id: int, *, confirmed: bool, finding: str
) -> None:
    """The assessment body answers an open check; the core then looks at the assessment again.

    Raises NotLoggedIn, NotFound, Forbidden (another role, his own material, or the person who decided for the
    institution where the policy wants two), ValidationFailed (a finding is needed where it is not confirmed),
    StateConflict (answered already, or the doctor has submitted anew since).
    """
    _check_text("finding", finding, required=not confirmed)
    async with services.work(caller) as work:
        known = await read_check(check_id)
        if known is None:
            raise NotFound
        facts = await work.lock_assessment(known.assessment_id)
        work.role_on(facts, Role.BODY_REVIEWER)
        await _refuse_person(work, facts)
        # Read again under the lock: of two answers at once the second sees the first.
        check = await read_check(check_id)
        if check is None:
            raise NotFound
        transition = MACHINE.require(check.state, Event.CONFIRM if confirmed else Event.NOT_CONFIRM)
        if check.submission_number != facts.submission_number:
            text = Text("医师已重新提交，本次抽查已失效。", "The doctor has submitted anew; this check has lapsed.")
            raise StateConflict("SPOT_CHECK_LAPSED", text, check.state.value)
        await SpotCheck.update(
            {
                SpotCheck.state: transition.target.value,
                SpotCheck.finding: finding.strip(),
                SpotCheck.decided_by: work.caller.account_id,
                SpotCheck.decided_at: work.now,
            }
        ).where(SpotCheck.id == check_id)
        await work.record_transition(
            MACHINE.name,
            check_id,
            facts,
            check.state.value,
            transition.event.value,
            transition.target.value,
            finding.strip(),
        )
        await work.reconsider(facts.assessment_id)
        detail = {"assessment": facts.assessment_id, "outcome": transition.target.value}
        await work.record("RECORD_SPOT_CHECK", "Shandong2023SpotCheck", check_id, detail)


async def _refuse_person(work: Work, facts: AssessmentFacts) -> None:
    if work.caller.doctor_id == facts.doctor_id:
        raise Forbidden(Text("不得核查本人的材料。", "Nobody checks his own material."))
    if not (await work.policy(facts.assessment_id)).section(ReviewPolicy).separate_people:
        return
    if work.caller.account_id in await work.deciders(facts.assessment_id, ReviewLevel.INSTITUTION):
        text = Text("机构审核与抽查核查不得为同一人。", "Who decided for the institution does not check it.")
        raise Forbidden(text)


def _check_text(path: str, text: str, *, required: bool) -> None:
    if len(text) > TEXT_MAXIMUM:
        too_long = Text(f"最多{TEXT_MAXIMUM}字。", f"At most {TEXT_MAXIMUM} characters.")
        raise ValidationFailed([FieldProblem(path, "TOO_LONG", too_long)])
    if required and not text.strip():
        raise ValidationFailed([FieldProblem(path, "REQUIRED", Text("请填写说明。", "Say why."))])


@dataclass(frozen=True, slots=True)
class QueuePage:
    """Open checks; `last_key` is the key after which the next page begins, where `more` follow."""

    checks: Sequence[CheckRecord]
    last_key: int | None
    more: bool


async def spot_check_queue(services: PluginServices, caller: Caller | None, first: int, after: int) -> QueuePage:
    """The open checks of the caller's assessment body, oldest first. One that cannot be answered now is left out: the
    doctor has submitted anew, or it is out of scope; a page may therefore be shorter than `first` though more follow.
    Raises NotLoggedIn, Forbidden."""
    asking = services.logged_in(caller)
    asking.require(Role.BODY_REVIEWER)
    found = await read_queue(asking.organisations(Role.BODY_REVIEWER), after, first + 1)
    page = found[:first]
    readings = await services.readings(caller, [check.assessment_id for check in page])
    waiting = [
        check
        for check, reading in zip(page, readings, strict=True)
        if reading is not None and reading.facts.submission_number == check.submission_number
    ]
    return QueuePage(waiting, page[-1].id if page else None, len(found) > first)
