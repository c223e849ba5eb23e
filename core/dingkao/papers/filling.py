"""Whether the bank fills the papers (题库是否够用): asked before a sitting, in place of by its first doctor."""

from dataclasses import dataclass

from dingkao.db.statement import Statement
from dingkao.doctors.tables import PracticeRegistration
from dingkao.environment import Environment
from dingkao.institutions.service import region_by_code
from dingkao.papers.drawing import Candidate, draw_paper
from dingkao.plugin.errors import NotEligible, NotFound
from dingkao.plugin.national import PapersPolicy
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import PaperSubject

_candidates = Statement(
    lambda p: (
        PracticeRegistration.select(
            PracticeRegistration.category, PracticeRegistration.scope, PracticeRegistration.level
        )
        .distinct()
        .order_by(PracticeRegistration.category, PracticeRegistration.scope, PracticeRegistration.level)
    )
)


@dataclass(frozen=True, slots=True)
class UnfilledPaper:
    """A subject's paper that doctors of one category, scope and level cannot get, and everything that is missing."""

    subject: PaperSubject
    candidate: Candidate
    blueprint: str
    reasons: tuple[Text, ...]


async def unfilled_papers(environment: Environment, policy: PapersPolicy, region_code: str) -> list[UnfilledPaper]:
    """Draw each subject's paper once for every category, scope and level that registered doctors have, for an
    assessment in the region with that code; those that its banks cannot fill. Nothing is written. For the machine's
    operator. Raises NotFound for an unknown region."""
    region = await region_by_code(region_code)
    if region is None:
        raise NotFound
    found = []
    for row in await _candidates.run():
        candidate = Candidate(row["category"], row["scope"], row["level"])
        for subject in PaperSubject:
            try:
                await draw_paper(environment.database, region.id, subject, candidate, policy, 0)
            except NotEligible as refusal:
                blueprint = policy.blueprint(subject, *candidate)
                reasons = tuple(reason.text for reason in refusal.reasons)
                found.append(UnfilledPaper(subject, candidate, blueprint.code if blueprint else "", reasons))
    return found
