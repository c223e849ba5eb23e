"""Approving questions (审定试题), by another than their author, and taking questions out of use."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from piccolo.querystring import QueryString

from dingkao.access.rules import Kind, require_sight
from dingkao.audit.work import UnitOfWork, begin, logged_in
from dingkao.db.database import is_postgresql
from dingkao.db.statement import Parameters, Statement
from dingkao.environment import Environment
from dingkao.papers.bank import bank_changed, lock_bank, retire_before
from dingkao.papers.bank_regions import require_banks
from dingkao.papers.tables import Question, QuestionImport
from dingkao.papers.vocabulary import QuestionState
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import FieldProblem, NotEligible, NotFound, StateConflict, ValidationFailed
from dingkao.plugin.text import Reason, Text
from dingkao.plugin.vocabulary import PaperSubject, Role

# Ids in one request; larger numbers go by their import.
MOST_AT_ONCE = 1000

_WANTED = (
    Question.id,
    Question.region,
    Question.code,
    Question.subject,
    Question.state,
    Question.author,
    Question.digest,
    Question.question_group,
)
_by_ids = Statement(lambda p: Question.select(*_WANTED).where(Question.id.is_in(p.ids)))
_by_batch = Statement(
    lambda p: Question.select(*_WANTED).where(
        (Question.batch == p.batch) & (Question.state == QuestionState.DRAFT.value)
    )
)
_batch = Statement(
    lambda p: QuestionImport.select(
        QuestionImport.id, QuestionImport.region, QuestionImport.subject, QuestionImport.replaces,
        QuestionImport.author, QuestionImport.approved_at,
    ).where(QuestionImport.id == p.batch)
)  # fmt: skip


def _list(parameters: Parameters, name: str) -> tuple[str, Any]:
    values = "SELECT value FROM json_each({})"
    if is_postgresql():
        values = "SELECT value::bigint FROM json_array_elements_text({}::json)"
    return values, getattr(parameters, name)


def _approve_query(parameters: Parameters) -> QueryString:
    values, ids = _list(parameters, "ids")
    return QueryString(
        f"UPDATE question SET state = 'APPROVED', approver = {{}}, approved_at = {{}} WHERE id IN ({values})",  # noqa: S608
        parameters.approver,
        parameters.now,
        ids,
    )


def _retire_query(parameters: Parameters) -> QueryString:
    values, ids = _list(parameters, "ids")
    return QueryString(f"UPDATE question SET state = 'RETIRED' WHERE id IN ({values})", ids)  # noqa: S608


def _twins_query(parameters: Parameters) -> QueryString:
    values, ids = _list(parameters, "ids")
    return QueryString(
        "SELECT twin.code AS code FROM question AS draft JOIN question AS twin "  # noqa: S608
        "ON twin.subject = draft.subject AND COALESCE(twin.region, 0) = COALESCE(draft.region, 0) "
        "AND twin.digest = draft.digest AND twin.code <> draft.code "
        f"AND twin.state = 'APPROVED' WHERE draft.id IN ({values})",
        ids,
    )


# Groups in use whose questions are for different doctors.
_mixed = Statement(
    lambda p: QueryString(
        "SELECT question_group AS name FROM question WHERE subject = {} AND COALESCE(region, 0) = {} "
        "AND state = 'APPROVED' AND question_group <> '' GROUP BY question_group "
        "HAVING COUNT(DISTINCT COALESCE(category, '') || '/' || specialty) > 1",
        p.subject,
        p.bank,
    )
)
_approve = Statement(_approve_query)
_retire = Statement(_retire_query)
_twins = Statement(_twins_query)


async def approve_import(environment: Environment, caller: Caller | None, batch_id: int) -> tuple[int, int]:
    """Take the drafts of an import into use; where it replaces what is there, the rest retires. Returns how many came
    into use and how many other questions retired. By an approver who is not the author.

    Raises NotFound, NotEligible (OWN_QUESTION), StateConflict (NOTHING_WAITS, TWIN_IN_USE, GROUP_MIXED), Forbidden,
    NotLoggedIn.
    """
    require_sight(logged_in(caller), Kind.BANK, Role.BANK_APPROVER)
    async with begin(environment, caller) as work:
        await lock_bank()
        batch = await _batch.first(batch=batch_id)
        if batch is None:
            raise NotFound
        work.acting = await require_banks(work.caller, [batch["region"]], Role.BANK_APPROVER)
        drafts = await _by_batch.run(batch=batch_id)
        if not drafts:
            text = Text("该批试题没有待审定的。", "Nothing of this import waits for approval.")
            raise StateConflict("NOTHING_WAITS", text, "APPROVED" if batch["approved_at"] else "RETIRED")
        subject = PaperSubject(batch["subject"])
        retired = await _into_use(work, subject, batch["region"], drafts, everything=bool(batch["replaces"]))
        await QuestionImport.update(
            {QuestionImport.approver: work.caller.account_id, QuestionImport.approved_at: work.now}
        ).where(QuestionImport.id == batch_id)
        detail = {"subject": subject.value, "approved": len(drafts), "retired": retired}
        await work.record("APPROVE_IMPORT", "QuestionImport", batch_id, detail)
        return len(drafts), retired


async def approve_questions(environment: Environment, caller: Caller | None, ids: Sequence[int]) -> int:
    """Take single drafts into use; each retires the version of its question that was in use. Returns how many.
    Raises as `approve_import`, and ValidationFailed."""
    require_sight(logged_in(caller), Kind.BANK, Role.BANK_APPROVER)
    _check_number(ids)
    async with begin(environment, caller) as work:
        await lock_bank()
        rows = await _found(ids)
        work.acting = await require_banks(work.caller, {row["region"] for row in rows}, Role.BANK_APPROVER)
        for row in rows:
            if row["state"] != QuestionState.DRAFT.value:
                text = Text("只有待审定的试题可以审定。", "Only a draft is approved.")
                raise StateConflict("NOTHING_WAITS", text, row["state"])
        for subject, region in sorted({_bank(row) for row in rows}):
            drafts = [row for row in rows if _bank(row) == (subject, region)]
            await _into_use(work, PaperSubject(subject), region or None, drafts, everything=False)
        await work.record("APPROVE_QUESTIONS", "Question", None, {"ids": sorted(row["id"] for row in rows)})
        return len(rows)


async def retire_questions(environment: Environment, caller: Caller | None, ids: Sequence[int], reason: str) -> int:
    """Take questions out of use, or drafts away; papers that were begun keep them. Returns how many. By an
    approver, with a reason. Raises NotFound, ValidationFailed, StateConflict (ALREADY_RETIRED), Forbidden."""
    require_sight(logged_in(caller), Kind.BANK, Role.BANK_APPROVER)
    _check_number(ids)
    if not reason.strip():
        text = Text("请填写停用原因。", "Give the reason.")
        raise ValidationFailed([FieldProblem("reason", "REASON_MISSING", text)])
    async with begin(environment, caller) as work:
        await lock_bank()
        rows = await _found(ids)
        work.acting = await require_banks(work.caller, {row["region"] for row in rows}, Role.BANK_APPROVER)
        for row in rows:
            if row["state"] == QuestionState.RETIRED.value:
                raise StateConflict("ALREADY_RETIRED", Text("试题已停用。", "It is retired already."), row["state"])
        await _retire.run(ids=json.dumps([row["id"] for row in rows]))
        for subject, region in sorted({_bank(row) for row in rows if row["state"] == QuestionState.APPROVED.value}):
            await bank_changed(PaperSubject(subject), region or None)
        detail = {"ids": sorted(row["id"] for row in rows), "reason": reason.strip()}
        await work.record("RETIRE_QUESTIONS", "Question", None, detail)
        return len(rows)


def _bank(row: Any) -> tuple[str, int]:
    """The subject and the region of the bank that a question is in; 0 is the nation's."""
    return row["subject"], row["region"] or 0


async def _into_use(
    work: UnitOfWork, subject: PaperSubject, region: int | None, drafts: Sequence[Any], *, everything: bool
) -> int:
    if any(row["author"] == work.caller.account_id for row in drafts):
        text = Text("编写人与审定人不得为同一人。", "Nobody approves questions of his own.")
        raise NotEligible([Reason("OWN_QUESTION", text)])
    ids = json.dumps([row["id"] for row in drafts])
    retired = await retire_before(subject, region, [row["code"] for row in drafts], everything=everything)
    twins = await _twins.run(ids=ids)
    if twins:
        codes = "、".join(sorted({row["code"] for row in twins})[:5])
        text = Text(f"题库中已有相同的试题：{codes}。", f"The bank holds the same question already: {codes}.")
        raise StateConflict("TWIN_IN_USE", text, QuestionState.DRAFT.value)
    now: datetime = work.now
    await _approve.run(ids=ids, approver=work.caller.account_id, now=now)
    groups = {row["question_group"] for row in drafts} - {""}
    if groups:
        mixed = groups & {row["name"] for row in await _mixed.run(subject=subject.value, bank=region or 0)}
        if mixed:
            names = "、".join(sorted(mixed)[:5])
            text = Text(
                f"题组中的试题类别、专业须一致：{names}。",
                f"The questions of a group are of one category and one specialty: {names}.",
            )
            raise StateConflict("GROUP_MIXED", text, QuestionState.DRAFT.value)
    await bank_changed(subject, region)
    return retired


def _check_number(ids: Sequence[int]) -> None:
    if not 1 <= len(set(ids)) <= MOST_AT_ONCE:
        text = Text(f"一次请选择1至{MOST_AT_ONCE}题。", f"Name 1 to {MOST_AT_ONCE} questions at once.")
        raise ValidationFailed([FieldProblem("ids", "NUMBER_OF_QUESTIONS", text)])


async def _found(ids: Sequence[int]) -> list[Any]:
    wanted = sorted(set(ids))
    rows = await _by_ids.run(ids=wanted)
    if len(rows) != len(wanted):
        raise NotFound
    return list(rows)
