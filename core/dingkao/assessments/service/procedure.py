"""Choosing the procedure (考核程序), with its proofs and the personal statement (manual 2.2.3 (4))."""

from collections.abc import Sequence
from dataclasses import dataclass

from dingkao.assessments.access import gather_facts, pinned_policy
from dingkao.assessments.form_tables import ProcedureProof
from dingkao.assessments.records import AssessmentRecord
from dingkao.assessments.service.editing import edit, touch
from dingkao.assessments.tables import Assessment
from dingkao.assessments.text import TextError, check_text
from dingkao.audit.work import begin
from dingkao.environment import Environment
from dingkao.plugin.caller import Caller
from dingkao.plugin.contributions import PaperPlan, Procedure, ProcedureRequirements
from dingkao.plugin.errors import FieldProblem, NotEligible, ValidationFailed
from dingkao.plugin.facts import AssessmentFacts
from dingkao.plugin.policy import Policy
from dingkao.plugin.text import Language, Reason, Text
from dingkao.plugin.vocabulary import FilePurpose
from dingkao.storage.lookup import files_of_assessment


@dataclass(frozen=True, slots=True)
class Offer:
    """A procedure as it is offered to one doctor."""

    procedure: Procedure
    reasons: tuple[Reason, ...]
    requirements: ProcedureRequirements
    papers: tuple[PaperPlan, ...]


def offers(environment: Environment, facts: AssessmentFacts, policy: Policy) -> list[Offer]:
    """Every procedure there is, each with the reasons against it for this doctor, its demands and its papers."""
    return [
        Offer(
            procedure,
            tuple(procedure.ineligibility(facts, policy)),
            procedure.requirements(policy),
            tuple(procedure.papers(facts, policy)),
        )
        for procedure in environment.registry.procedures.values()
    ]


async def read_offers(environment: Environment, record: AssessmentRecord) -> list[Offer]:
    """The offers for an assessment that is being read."""
    facts = await gather_facts(record, environment.clock.now())
    return offers(environment, facts, await pinned_policy(environment, record))


async def choose_procedure(
    environment: Environment,
    caller: Caller | None,
    assessment_id: int,
    code: str,
    statement: str | None,
    proof_ids: Sequence[int] | None,
    expected_revision: int | None,
) -> None:
    """Choose a procedure, and save the statement and the proofs it asks for as a draft. None keeps what was saved.

    Raises NotEligible with the reasons, ValidationFailed (unknown procedure, statement too long, a proof that was not
    uploaded for this), StateConflict, RevisionConflict.
    """
    async with begin(environment, caller) as work:
        record = await edit(work, assessment_id, expected_revision)
        procedure = environment.registry.procedures.get(code)
        if procedure is None:
            raise ValidationFailed(
                [FieldProblem("procedure", "UNKNOWN", Text("没有该考核程序。", "No such procedure."))]
            )
        policy = await pinned_policy(environment, record)
        reasons = procedure.ineligibility(await gather_facts(record, work.now), policy)
        if reasons:
            raise NotEligible(reasons)
        asked = procedure.requirements(policy)
        problems: list[FieldProblem] = []
        kept_statement = _statement(asked, statement, record.statement, problems)
        if proof_ids and asked.minimum_proofs == 0:
            text = Text("该程序不需要证明材料。", "This procedure asks for no proof.")
            problems.append(FieldProblem("proofIds", "PROOFS_NOT_ASKED", text))
        elif proof_ids:
            problems += await _proof_problems(record.id, proof_ids)
        if problems:
            raise ValidationFailed(problems)
        await Assessment.update(
            {
                Assessment.procedure: code,
                Assessment.procedure_title: procedure.title.in_language(Language.CHINESE),
                Assessment.statement: kept_statement,
            }
        ).where(Assessment.id == record.id)
        if proof_ids is not None or asked.minimum_proofs == 0:
            await ProcedureProof.delete().where(ProcedureProof.assessment == record.id)
            proofs = [ProcedureProof(assessment=record.id, file=file_id) for file_id in dict.fromkeys(proof_ids or ())]
            if proofs:
                await ProcedureProof.insert(*proofs)
        await touch(work, record)
        await work.record("CHOOSE_PROCEDURE", "Assessment", record.id, {"procedure": code})


def _statement(asked: ProcedureRequirements, given: str | None, kept: str, problems: list[FieldProblem]) -> str:
    if asked.statement_maximum is None:
        if given and given.strip():
            text = Text("该程序不需要个人述职报告。", "This procedure asks for no personal statement.")
            problems.append(FieldProblem("statement", "STATEMENT_NOT_ASKED", text))
        return ""
    if given is None:
        return kept
    if not given.strip():
        return ""
    try:
        return check_text(given, asked.statement_maximum).text
    except TextError as error:
        problems.append(FieldProblem("statement", error.code.upper(), error.text))
        return kept


async def _proof_problems(assessment_id: int, proof_ids: Sequence[int]) -> list[FieldProblem]:
    known = await files_of_assessment(assessment_id, FilePurpose.PROCEDURE_PROOF)
    text = Text("请先上传该证明材料。", "Upload this proof first.")
    return [
        FieldProblem(f"proofIds.{place}", "FILE_NOT_FOUND", text)
        for place, file_id in enumerate(proof_ids)
        if file_id not in known
    ]
