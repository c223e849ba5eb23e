"""Every kind of record: how long it is kept, by which source, and what happens then. Pure; docs/operators/retention.md
is made from it, and a test holds it against the tables, so that none can be forgotten.

Periods are settings of the server (`dingkao settings`), whose least values are the floors. Sources: the Personal
Information Protection Law (PIPL), Art. 19: no longer than the purpose needs; the Cybersecurity Law: logs of the network
for six months at least; GB/T 35273-2020, 6.3: faces. Where a number is ours, `assumed` says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from dingkao.settings import Settings

MINIMUM: Final = "PIPL, Art. 19"


class Unit(StrEnum):
    """What a period is counted in."""

    HOURS = "hours"
    DAYS = "days"
    YEARS = "years"


class End(StrEnum):
    """What happens when the period is over."""

    DELETED = "deleted by `dingkao retention --apply`"
    FACES = "the image is deleted by the server every ten minutes, and by `dingkao retention --apply`; the proof stays"
    PRUNED = "somebody calls `dingkao audit prune`, behind a signed checkpoint"
    APPRAISED = "nothing by itself: `dingkao retention` counts them for the archive, which appraises and decides"


@dataclass(frozen=True, slots=True)
class Kind:
    """Records whose time ends. `tables` hold nothing else; of those in `parts` some rows or columns end, and the rest
    is kept. The period is the setting `setting`, in `unit`, from `counted_from`."""

    code: str
    zh: str
    what: str
    setting: str
    unit: Unit
    counted_from: str
    source: str
    end: End
    tables: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    assumed: bool = False

    def period(self, settings: Settings) -> int:
        """How many hours, days or years."""
        return int(getattr(settings, self.setting))

    def before(self, settings: Settings, now: datetime) -> datetime:
        """What ended or was made before this moment is due."""
        number = self.period(settings)
        if self.unit is Unit.YEARS:
            # The 29th of February ends on the 28th.
            day = 28 if (now.month, now.day) == (2, 29) else now.day
            return now.replace(year=now.year - number, day=day)
        return now - (timedelta(hours=number) if self.unit is Unit.HOURS else timedelta(days=number))


@dataclass(frozen=True, slots=True)
class Kept:
    """A table that the server deletes nothing of, and why."""

    because: str
    source: str = ""


KINDS: Final[tuple[Kind, ...]] = (
    Kind(
        "sessions",
        "登录会话",
        "sessions with their tokens and the last time that their account showed who it is",
        "session_keep_days",
        Unit.DAYS,
        "the session's end",
        f"{MINIMUM}; 90 days are those for which an account counts as known from an address",
        End.DELETED,
        tables=("session", "session_token"),
        assumed=True,
    ),
    Kind(
        "sms-codes",
        "短信验证码",
        "codes that were sent by SMS, used or not",
        "code_keep_days",
        Unit.DAYS,
        "the code's end",
        f"{MINIMUM}; limits count over a day",
        End.DELETED,
        tables=("phone_code",),
        assumed=True,
    ),
    Kind(
        "activation-codes",
        "激活码",
        "activation codes that were used, withdrawn, or not used in time",
        "activation_keep_days",
        Unit.DAYS,
        "use, withdrawal or end",
        MINIMUM,
        End.DELETED,
        tables=("activation_code",),
        assumed=True,
    ),
    Kind(
        "second-factors",
        "未完成的动态口令绑定",
        "authenticators whose setting up was never finished",
        "code_keep_days",
        Unit.DAYS,
        "the beginning",
        MINIMUM,
        End.DELETED,
        parts=("second_factor",),
        assumed=True,
    ),
    Kind(
        "login-failures",
        "登录失败计数",
        "failed logins counted by address, or by a name that no account has",
        "login_failure_hours",
        Unit.HOURS,
        "the last failure",
        "the failures of 12 hours count; the server forgets them as others come",
        End.DELETED,
        tables=("throttle",),
    ),
    Kind(
        "messages",
        "短信发件箱",
        "texts that the outbox kept; what a gateway sent is not kept at all",
        "message_keep_days",
        Unit.DAYS,
        "the message",
        MINIMUM,
        End.DELETED,
        tables=("outbox_message",),
        assumed=True,
    ),
    Kind(
        "uploads",
        "未使用的上传文件",
        "uploads that nothing refers to and that no submission can have held",
        "upload_keep_days",
        Unit.DAYS,
        "the upload",
        MINIMUM,
        End.DELETED,
        parts=("stored_file",),
        assumed=True,
    ),
    Kind(
        "faces",
        "人脸图像",
        "images of faces; at once where consent is withdrawn, and after "
        "`DINGKAO_FACE_KEEP_DAYS_WITHOUT_RESULT` (180) days where no result was announced",
        "face_keep_days",
        Unit.DAYS,
        "the notice of the result, once it is final",
        f"{MINIMUM}; GB/T 35273-2020, 6.3",
        End.FACES,
        parts=("face_image",),
    ),
    Kind(
        "audit",
        "审计记录",
        "audit entries, refused logins and refused rights among them",
        "audit_days",
        Unit.DAYS,
        "the act",
        "Cybersecurity Law: logs of six months at least",
        End.PRUNED,
        tables=("audit_entry",),
    ),
    Kind(
        "records",
        "考核档案",
        "assessments with their forms, self-evaluations, proofs, submissions, reviews, papers, attempts, answers and "
        "their history, invigilation, results and documents",
        "record_keep_years",
        Unit.YEARS,
        "the cycle's end",
        "2007 measure; the archives' rules of the province decide; two cycles of three years at least",
        End.APPRAISED,
        tables=(
            "assessment",
            "registration_form",
            "institution_filing",
            "education",
            "practice_history",
            "rating",
            "submission",
            "procedure_proof",
            "stored_file",
            "review",
            "assessment_paper",
            "attempt",
            "answer",
            "answer_save",
            "intervention",
            "voiding",
            "mark_change",
            "proposal",
            "face_consent",
            "face_image",
            "face_capture",
            "face_disclosure",
            "in_person_check",
            "proctor_session",
            "proctor_frame",
            "proctor_flag",
            "proctor_verdict",
            "result",
            "result_document",
            "state_transition",
        ),
        assumed=True,
    ),
)

_REGISTER: Final = Kept(
    "the register itself: what a doctor is assessed by", "Physicians Law 2021, Art. 42; 2007 measure"
)
_CALENDAR: Final = Kept("says when and by which rules results came about: kept as long as any result")
_ACCOUNT: Final = Kept("as long as the account, which is disabled and not deleted: the audit names it")
_BANK: Final = Kept("the question bank: past papers are marked, shown and appealed by it")
_SERVER: Final = Kept("the server's own bookkeeping, without anybody's data")

KEPT: Final[Mapping[str, Kept]] = {
    "region": _CALENDAR,
    "organisation": _CALENDAR,
    "cycle": _CALENDAR,
    "cycle_policy": _CALENDAR,
    "pinned_policy": _CALENDAR,
    "body_appointment": _CALENDAR,
    "pass_mark": _CALENDAR,
    "sitting_extra_time": _CALENDAR,
    "voided_question": _CALENDAR,
    "doctor": _REGISTER,
    "practice_registration": _REGISTER,
    "behaviour_record": _REGISTER,
    "account": _ACCOUNT,
    "role_assignment": _ACCOUNT,
    "second_factor": _ACCOUNT,
    "recovery_code": _ACCOUNT,
    "wechat_binding": Kept("until the account unbinds it"),
    "earlier_password": Kept("as many as policy compares with; a change of password deletes the oldest"),
    "question": _BANK,
    "question_bank": _BANK,
    "question_import": _BANK,
    "question_picture": _BANK,
    "question_picture_write": Kept("one row while an import runs; a killed one's is removed after a day"),
    "retirement": Kept("proves that a service was asked to forget somebody, under a name that says nobody here"),
    "legal_hold": Kept("says why something was kept beyond its time"),
    "subject_secret": Kept(
        "what the names are computed from under which services know people: without it none is forgotten"
    ),
    "document_sequence": _SERVER,
    "audit_head": _SERVER,
    "audit_retention": Kept("proves what was deleted of the audit"),
    "lease": _SERVER,
}


@dataclass(frozen=True, slots=True)
class Due:
    """How many records of a kind are due now."""

    kind: Kind
    count: int


@dataclass(frozen=True, slots=True)
class Applied:
    """What a run deleted, by the kind's code, and how many images or files could not be deleted."""

    deleted: Mapping[str, int] = field(default_factory=dict)
    left: int = 0
