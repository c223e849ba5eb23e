"""The conditions that this plugin brings to the catalogue (免考条件). Another plugin adds its own by the same hook."""

from collections.abc import Sequence

from dingkao.plugin.contributions import ExemptionCondition, ProofKind
from dingkao.plugin.facts import AssessmentFacts
from dingkao.plugin.policy import Policy
from dingkao.plugin.text import Reason, Text
from dingkao.plugin.vocabulary import PaperSubject, PracticeLevel

PRACTICE_CERTIFICATE = ProofKind(
    "PRACTICE_CERTIFICATE",
    Text("医师执业证书（全部信息页）", "Practice certificate, every page"),
)
TITLE_CERTIFICATE = ProofKind(
    "TITLE_CERTIFICATE",
    Text("专业技术资格证书或成绩合格证明", "Certificate of the professional title, or the result of its examination"),
)
RESIDENCY_CERTIFICATE = ProofKind(
    "RESIDENCY_CERTIFICATE",
    Text("住院医师规范化培训合格证书", "Certificate of residency training"),
)
HUMANITIES_CERTIFICATE = ProofKind(
    "HUMANITIES_CERTIFICATE",
    Text("医学人文继续教育培训合格证明", "Certificate of the training in medical humanities"),
)
TRANSFER_CERTIFICATE = ProofKind(
    "TRANSFER_CERTIFICATE",
    Text("全科医生转岗培训合格证书", "Certificate of the transfer training in general practice"),
)
QUALIFICATION_CERTIFICATE = ProofKind(
    "QUALIFICATION_CERTIFICATE",
    Text("医师资格证书（执业医师）", "Qualification certificate as a licensed doctor"),
)

# 2007 measure, Art. 23: both count as passing the professional test where they fall into the cycle. That they do is for
# the reviewers to see from the proof: the registry does not hold training or examinations.
RESIDENCY_TRAINING = ExemptionCondition(
    code="RESIDENCY_TRAINING",
    title=Text("考核周期内取得住院医师规范化培训合格证书", "Residency training completed within the cycle"),
    proofs=Text(
        "住院医师规范化培训合格证书、医师执业证书（全部信息页）；发证日期须在本考核周期内。",
        "The certificate of residency training, dated within the cycle, and every page of the practice certificate.",
    ),
    waives={"GENERAL": PaperSubject.PROFESSIONAL},
    kinds=(RESIDENCY_CERTIFICATE, PRACTICE_CERTIFICATE),
)
NEXT_TITLE_EXAM = ExemptionCondition(
    code="NEXT_TITLE_EXAM",
    title=Text(
        "考核周期内通过晋升上一级专业技术职务考试",
        "Examination for the next professional title passed within the cycle",
    ),
    proofs=Text(
        "专业技术资格证书或成绩合格证明、医师执业证书（全部信息页）；考试合格日期须在本考核周期内，是否聘任不限。",
        "The certificate or result of the examination, dated within the cycle (appointed or not), and every page "
        "of the practice certificate.",
    ),
    waives={"GENERAL": PaperSubject.PROFESSIONAL},
    kinds=(TITLE_CERTIFICATE, PRACTICE_CERTIFICATE),
)
# No national rule: regions whose simple procedure has a humanities paper name their own condition for it.
HUMANITIES_EDUCATION = ExemptionCondition(
    code="HUMANITIES_EDUCATION",
    title=Text(
        "考核周期内完成医学人文继续教育培训并考核合格（地方规定）",
        "Continuing education in medical humanities completed and passed within the cycle (regional rule)",
    ),
    proofs=Text(
        "医学人文继续教育培训合格证明；培训日期须在本考核周期内。",
        "The certificate of the training in medical humanities, dated within the cycle.",
    ),
    waives={"SIMPLE": PaperSubject.HUMANITIES},
    kinds=(HUMANITIES_CERTIFICATE,),
    regional=True,
)


def _still_assistant(facts: AssessmentFacts, policy: Policy) -> Sequence[Reason]:
    if facts.level is PracticeLevel.LICENSED:
        return ()
    text = Text("您现注册的医师级别不是执业医师。", "You are not registered as a licensed doctor.")
    return (Reason("NOT_A_LICENSED_DOCTOR", text),)


# No national rule, and regions differ: what one grants on them another excludes by name.
GENERAL_PRACTICE_TRANSFER = ExemptionCondition(
    code="GENERAL_PRACTICE_TRANSFER",
    title=Text(
        "考核周期内完成全科医生转岗培训并合格（地方规定）",
        "Transfer training in general practice completed within the cycle (regional rule)",
    ),
    proofs=Text(
        "全科医生转岗培训合格证书、医师执业证书（全部信息页）；发证日期须在本考核周期内。",
        "The certificate of the training, dated within the cycle, and every page of the practice certificate.",
    ),
    waives={"GENERAL": PaperSubject.PROFESSIONAL},
    kinds=(TRANSFER_CERTIFICATE, PRACTICE_CERTIFICATE),
    regional=True,
)
ASSISTANT_TO_LICENSED = ExemptionCondition(
    code="ASSISTANT_TO_LICENSED",
    title=Text(
        "考核周期内由执业助理医师晋升为执业医师（地方规定）",
        "Promotion from assistant to licensed doctor within the cycle (regional rule)",
    ),
    proofs=Text(
        "执业医师的医师资格证书、医师执业证书（全部信息页）；发证日期须在本考核周期内。",
        "The qualification certificate as a licensed doctor, dated within the cycle, and every page of the practice "
        "certificate.",
    ),
    waives={"GENERAL": PaperSubject.PROFESSIONAL},
    against=_still_assistant,
    kinds=(QUALIFICATION_CERTIFICATE, PRACTICE_CERTIFICATE),
    regional=True,
)

CONDITIONS: Sequence[ExemptionCondition] = (
    RESIDENCY_TRAINING,
    NEXT_TITLE_EXAM,
    HUMANITIES_EDUCATION,
    GENERAL_PRACTICE_TRANSFER,
    ASSISTANT_TO_LICENSED,
)
