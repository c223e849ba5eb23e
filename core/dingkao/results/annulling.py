"""Annulling a result that was obtained by fraud or bribery (撤销考核结果): proposed by one officer of the authority,
confirmed by another."""

from collections.abc import Mapping
from typing import Any

from piccolo.columns import Column

from dingkao.access.rules import require_role
from dingkao.accounts.step_up import step_up
from dingkao.assessments.access import read_assessment
from dingkao.audit.work import UnitOfWork, logged_in
from dingkao.environment import Environment
from dingkao.plugin.caller import Caller
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import Role, Verdict
from dingkao.proposals.acts import Act, Performed
from dingkao.proposals.service import propose
from dingkao.proposals.vocabulary import ProposalKind
from dingkao.results.moving import lock_result, move_results
from dingkao.results.records import read_documents
from dingkao.results.rules import ResultEvent
from dingkao.results.service import change_conclusion, checked_reason
from dingkao.results.tables import Result
from dingkao.results.vocabulary import DocumentState


async def _annul(work: UnitOfWork, given: Mapping[str, Any], reason: str) -> Performed:
    """The result counts as unqualified, and what was printed is revoked. Raises NotFound, Forbidden, StateConflict."""
    assessment_id = given["assessment"]
    chosen = await lock_result(work, assessment_id, Role.AUTHORITY_OFFICER)
    documents = (await read_documents([chosen.result.id]))[chosen.result.id].values()
    fallen: dict[Column | str, Any] = {Result.verdict: Verdict.UNQUALIFIED.value}
    await move_results(work, [chosen], ResultEvent.ANNUL, reason=reason, also=fallen)
    await change_conclusion(work, chosen, Verdict.UNQUALIFIED)
    await work.record("ANNUL_RESULT", "Assessment", assessment_id)
    revoked = sorted(document.number for document in documents if document.state is not DocumentState.REVOKED)
    effect = {
        "assessment": assessment_id,
        "verdict": chosen.result.verdict.value,
        "state": chosen.result.state.value,
        "revoked": revoked,
    }
    return Performed(chosen.record.region_id, effect, assessment_id=assessment_id)


ANNUL_RESULT = Act(ProposalKind.ANNUL_RESULT, _annul)


@step_up("ANNUL_RESULT", Text("提出撤销考核结果", "propose to annul a result"))
async def propose_annulment(environment: Environment, caller: Caller | None, assessment_id: int, reason: str) -> int:
    """Propose to annul a result, with the reasons; another officer of the authority, or of one above it, decides.
    Returns the proposal's key.

    Raises NotLoggedIn, NotFound, Forbidden, ValidationFailed, StateConflict (PROPOSED_ALREADY, and where the result
    cannot be annulled).
    """
    asking = logged_in(caller)
    require_role(asking, await read_assessment(asking, assessment_id), Role.AUTHORITY_OFFICER)
    return await propose(
        environment,
        caller,
        ANNUL_RESULT,
        about=f"Assessment/{assessment_id}",
        given={"assessment": assessment_id},
        reason=checked_reason(reason),
    )
