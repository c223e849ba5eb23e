"""What a region may change of the general procedure. Defaults are the manual's rule."""

from typing import ClassVar

from pydantic import model_validator

from dingkao.plugin.policy import PolicySection, policy_key
from dingkao.plugin.vocabulary import PaperSubject


class GeneralProcedurePolicy(PolicySection):
    """一般程序 (manual 2.2.5; Physicians Law, Art. 42)"""

    name: ClassVar[str] = "general_procedure"

    papers: tuple[PaperSubject, ...] = policy_key(
        default=(PaperSubject.HUMANITIES, PaperSubject.PROFESSIONAL),
        description="试卷及其顺序: each paper opens when the one before it is passed or waived",
        source="manual 2.2.5",
    )
    humanities_attempts: int = policy_key(
        default=1,
        ge=1,
        le=100,
        description="医学人文测评答题次数: how often the paper of medical humanities may be sat",
        source="manual 2.2.5",
    )
    professional_attempts: int = policy_key(
        default=1,
        ge=1,
        le=100,
        description="业务水平测评答题次数: how often the professional paper may be sat",
        source="manual 2.2.5",
    )

    @model_validator(mode="after")
    def _competence_is_tested(self) -> "GeneralProcedurePolicy":
        # The law's floor: professional competence is one of the three dimensions that are assessed (Art. 42).
        if PaperSubject.PROFESSIONAL not in self.papers:
            raise ValueError("papers must hold PROFESSIONAL: professional competence is assessed by law")
        if len(set(self.papers)) != len(self.papers):
            raise ValueError("papers names a subject twice")
        return self

    def attempts(self, subject: PaperSubject) -> int:
        """How often a paper of `subject` may be sat."""
        return self.humanities_attempts if subject is PaperSubject.HUMANITIES else self.professional_attempts
