"""The machines of a result and of its documents, the time for objections, and what may be printed when. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from dingkao.clock import china_date
from dingkao.plugin.national import DocumentsPolicy, SealAuthority
from dingkao.plugin.state_machine import StateMachine, Transition
from dingkao.plugin.text import Reason, Text
from dingkao.plugin.vocabulary import RATED_DIMENSIONS, Dimension, RegionLevel, Role, Verdict
from dingkao.results.vocabulary import ConclusionGround, DocumentState, ResultState

# The body answers an objection within 30 days of receiving it (2007 measure, Art. 24).
REEXAMINATION_DAYS = 30


class ResultEvent(StrEnum):
    """What moves a result."""

    CONCLUDE = "CONCLUDE"
    FILE = "FILE"
    NOTIFY = "NOTIFY"
    REQUEST_REEXAMINATION = "REQUEST_REEXAMINATION"
    UPHOLD = "UPHOLD"
    CHANGE = "CHANGE"
    FINALISE = "FINALISE"
    ANNUL = "ANNUL"


class DocumentEvent(StrEnum):
    """What moves a notice or a certificate."""

    ISSUE = "ISSUE"
    SEAL = "SEAL"
    REVOKE = "REVOKE"
    ISSUE_ANEW = "ISSUE_ANEW"


_DOCTOR = frozenset({Role.DOCTOR})
_BODY = frozenset({Role.BODY_REVIEWER})
_AUTHORITY = frozenset({Role.AUTHORITY_OFFICER})
_SYSTEM = frozenset({Role.SYSTEM})
_EVERYONE = frozenset({Role.DOCTOR, Role.INSTITUTION_OFFICER, Role.BODY_REVIEWER, Role.AUTHORITY_OFFICER})
# Whose act makes a document void: the body's change of the result, the authority's annulment.
_REVOKERS = frozenset({Role.BODY_REVIEWER, Role.AUTHORITY_OFFICER})

# Once filed, a result may be found to rest on fraud at any time; it is then cancelled and counts as failed.
_ANNULLABLE = (
    ResultState.FILED,
    ResultState.NOTIFIED,
    ResultState.REEXAMINATION_REQUESTED,
    ResultState.UPHELD,
    ResultState.CHANGED,
    ResultState.FINAL,
)

RESULT_MACHINE: StateMachine[ResultState, ResultEvent] = StateMachine(
    name="result",
    initial=ResultState.CONCLUDED,
    titles={
        ResultEvent.CONCLUDE: Text("得出考核结果", "conclude"),
        ResultEvent.FILE: Text("备案", "file with the authority"),
        ResultEvent.NOTIFY: Text("通知考核结果", "notify"),
        ResultEvent.REQUEST_REEXAMINATION: Text("申请复核", "request a re-examination"),
        ResultEvent.UPHOLD: Text("维持考核结果", "uphold"),
        ResultEvent.CHANGE: Text("变更考核结果", "change"),
        ResultEvent.FINALISE: Text("考核结果生效", "become final"),
        ResultEvent.ANNUL: Text("撤销考核结果", "annul"),
    },
    transitions=(
        Transition(ResultState.CONCLUDED, ResultEvent.FILE, ResultState.FILED, _BODY),
        Transition(ResultState.FILED, ResultEvent.NOTIFY, ResultState.NOTIFIED, _BODY, "the doctor was told"),
        Transition(
            ResultState.NOTIFIED,
            ResultEvent.REQUEST_REEXAMINATION,
            ResultState.REEXAMINATION_REQUESTED,
            _DOCTOR,
            "within the days for objections, with reasons",
        ),
        Transition(
            ResultState.NOTIFIED, ResultEvent.FINALISE, ResultState.FINAL, _SYSTEM, "the days for objections are over"
        ),
        Transition(ResultState.REEXAMINATION_REQUESTED, ResultEvent.UPHOLD, ResultState.UPHELD, _BODY, "with reasons"),
        Transition(ResultState.REEXAMINATION_REQUESTED, ResultEvent.CHANGE, ResultState.CHANGED, _BODY, "with reasons"),
        *(
            Transition(state, ResultEvent.ANNUL, ResultState.ANNULLED, _AUTHORITY, "fraud or bribery, with reasons")
            for state in _ANNULLABLE
        ),
    ),
)

CERTIFICATE_MACHINE: StateMachine[DocumentState, DocumentEvent] = StateMachine(
    name="certificate",
    initial=DocumentState.UNSEALED,
    titles={
        DocumentEvent.ISSUE: Text("打印合格证书", "print the certificate"),
        DocumentEvent.SEAL: Text("加盖公章", "seal the certificate"),
        DocumentEvent.REVOKE: Text("撤销合格证书", "revoke the certificate"),
    },
    transitions=(
        Transition(
            DocumentState.UNSEALED, DocumentEvent.SEAL, DocumentState.SEALED, _AUTHORITY, "by the issuing authority"
        ),
        Transition(DocumentState.UNSEALED, DocumentEvent.REVOKE, DocumentState.REVOKED, _REVOKERS, "the result fell"),
        Transition(DocumentState.SEALED, DocumentEvent.REVOKE, DocumentState.REVOKED, _REVOKERS, "the result fell"),
    ),
)

NOTICE_MACHINE: StateMachine[DocumentState, DocumentEvent] = StateMachine(
    name="notice",
    initial=DocumentState.ISSUED,
    titles={
        DocumentEvent.ISSUE: Text("打印考核结果通知书", "print the notice"),
        DocumentEvent.REVOKE: Text("撤销考核结果通知书", "revoke the notice"),
        DocumentEvent.ISSUE_ANEW: Text("重新打印考核结果通知书", "print the notice anew"),
    },
    transitions=(
        Transition(DocumentState.ISSUED, DocumentEvent.REVOKE, DocumentState.REVOKED, _REVOKERS, "the result fell"),
        Transition(
            DocumentState.REVOKED,
            DocumentEvent.ISSUE_ANEW,
            DocumentState.ISSUED,
            _EVERYONE,
            "a changed result, under the notice's number",
        ),
    ),
)

STATES: dict[ResultState, Text] = {
    ResultState.CONCLUDED: Text("已得出结果，待备案", "Concluded, to be filed"),
    ResultState.FILED: Text("已备案，待通知", "Filed, to be notified"),
    ResultState.NOTIFIED: Text("已通知，异议期内", "Notified, open to objection"),
    ResultState.REEXAMINATION_REQUESTED: Text("已申请复核", "Re-examination requested"),
    ResultState.UPHELD: Text("复核维持原结果", "Upheld on re-examination"),
    ResultState.CHANGED: Text("复核变更结果", "Changed on re-examination"),
    ResultState.FINAL: Text("已生效", "Final"),
    ResultState.ANNULLED: Text("已撤销", "Annulled"),
}

GROUNDS: dict[ConclusionGround, Text] = {
    ConclusionGround.ALL_PAPERS_PASSED: Text(
        "工作成绩、职业道德评定合格，各科测评均合格或者免考。",
        "Both ratings are qualified, and every paper is passed or waived.",
    ),
    ConclusionGround.PAPER_FAILED: Text(
        "有测评试卷不合格且已无作答次数，考核结果为不合格。",
        "A paper is failed with no attempt left, so the assessment is failed.",
    ),
    ConclusionGround.PAPER_MISSED: Text(
        "无正当理由缺考，考核结果为不合格。", "A paper was missed without a good reason, so the assessment is failed."
    ),
    ConclusionGround.RATING_FAILED: Text(
        "工作成绩或者职业道德评定为不合格并经考核机构复核确认，不再进行业务水平测评，考核结果为不合格。",
        "A rating is unqualified and confirmed by the assessment body; there is no test, the assessment is failed.",
    ),
}

DOCUMENT_STATES: dict[DocumentState, Text] = {
    DocumentState.ISSUED: Text("有效", "Valid"),
    DocumentState.UNSEALED: Text(
        "未盖章，未生效：加盖发证机关公章后方可生效。", "Not sealed, not in force until the authority has sealed it."
    ),
    DocumentState.SEALED: Text("有效：已加盖发证机关公章。", "Valid: sealed by the issuing authority."),
    DocumentState.REVOKED: Text("已撤销，无效。", "Revoked, not valid."),
}

_NOT_FILED = Reason(
    "RESULT_NOT_FILED",
    Text("考核结果尚未备案，暂不能打印。", "The result is not filed yet; nothing can be printed."),
)
_ANNULLED = Reason(
    "RESULT_ANNULLED", Text("考核结果已被撤销，不能打印。", "The result is annulled; nothing can be printed.")
)
_NOT_PRINTABLE = Reason(
    "NOTICE_NOT_PRINTABLE",
    Text(
        "当地规定医师不能自行打印考核结果通知书，如有需要请联系考核机构。",
        "The region does not let doctors print the notice; ask the assessment body.",
    ),
)
_NOT_QUALIFIED = Reason(
    "RESULT_NOT_QUALIFIED",
    Text("考核结果不合格，不发合格证书。", "There is no certificate of a failed assessment."),
)
_NO_CERTIFICATES = Reason(
    "CERTIFICATE_NOT_ISSUED_HERE",
    Text("当地不发放定期考核合格证书。", "The region issues no certificates."),
)


def against_printing_notice(state: ResultState, role: Role, policy: DocumentsPolicy) -> list[Reason]:
    """Why the account in `role` may not have the notice; empty where it may. The doctor may print it where the region
    lets him (manual 2.2.6); staff need it to hand it out. Not before the result is filed."""
    reasons = _against_any(state)
    if role is Role.DOCTOR and not policy.notice_printable:
        reasons.append(_NOT_PRINTABLE)
    return reasons


def against_printing_certificate(state: ResultState, verdict: Verdict, policy: DocumentsPolicy) -> list[Reason]:
    """Why there is no certificate; empty where there is one. For qualified results only, where the region issues it,
    and not before the result is filed."""
    reasons = _against_any(state)
    if verdict is not Verdict.QUALIFIED:
        reasons.append(_NOT_QUALIFIED)
    if not policy.certificate_issued:
        reasons.append(_NO_CERTIFICATES)
    return reasons


def _against_any(state: ResultState) -> list[Reason]:
    match state:
        case ResultState.CONCLUDED:
            return [_NOT_FILED]
        case ResultState.ANNULLED:
            return [_ANNULLED]
        case _:
            return []


_LOWEST_SEALING = {
    SealAuthority.NEAREST: RegionLevel.COUNTY,
    SealAuthority.PREFECTURE: RegionLevel.PREFECTURE,
    SealAuthority.PROVINCE: RegionLevel.PROVINCE,
}
_FROM_THE_TOP = tuple(RegionLevel)


def may_seal(rule: SealAuthority, level: RegionLevel) -> bool:
    """Whether an authority of a region of `level` is high enough to issue and seal certificates."""
    return _FROM_THE_TOP.index(level) <= _FROM_THE_TOP.index(_LOWEST_SEALING[rule])


def objection_until(notified_at: datetime, policy: DocumentsPolicy) -> date:
    """The last day, in China, on which the doctor may object: the day of notification does not count (2007 measure,
    Art. 24; Civil Code, Art. 201)."""
    return china_date(notified_at) + timedelta(days=policy.objection_days)


def reexamination_due(requested_at: datetime) -> date:
    """The last day, in China, for the body's answer to an objection (2007 measure, Art. 24)."""
    return china_date(requested_at) + timedelta(days=REEXAMINATION_DAYS)


def opposite(verdict: Verdict) -> Verdict:
    """The other of the two verdicts: what a changed result becomes."""
    return Verdict.UNQUALIFIED if verdict is Verdict.QUALIFIED else Verdict.QUALIFIED


@dataclass(frozen=True, slots=True)
class DimensionOutcome:
    """How one dimension ended; `verdict` None where it was not assessed."""

    dimension: Dimension
    verdict: Verdict | None


def dimension_outcomes(
    ratings: Mapping[Dimension, Verdict], ground: ConclusionGround, state: ResultState, verdict: Verdict
) -> tuple[DimensionOutcome, ...]:
    """The three dimensions of a result. `ratings` are the institution's, as the body confirmed them.

    Professional competence follows from the ground: a doctor whom a rating failed sat no test. A result that the
    re-examination changed to qualified has every dimension qualified: any other would fail it (2007 measure, Art. 22).
    """
    if state is ResultState.CHANGED and verdict is Verdict.QUALIFIED:
        return tuple(DimensionOutcome(dimension, Verdict.QUALIFIED) for dimension in Dimension)
    competence = {
        ConclusionGround.ALL_PAPERS_PASSED: Verdict.QUALIFIED,
        ConclusionGround.PAPER_FAILED: Verdict.UNQUALIFIED,
        ConclusionGround.PAPER_MISSED: Verdict.UNQUALIFIED,
        ConclusionGround.RATING_FAILED: None,
    }[ground]
    rated = tuple(DimensionOutcome(dimension, ratings.get(dimension)) for dimension in RATED_DIMENSIONS)
    return (*rated, DimensionOutcome(Dimension.PROFESSIONAL_COMPETENCE, competence))
