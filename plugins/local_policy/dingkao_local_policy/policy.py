"""What the region changes, and the section of its own in which its guidance to doctors stands."""

from collections.abc import Sequence
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from dingkao.plugin.policy import PolicyLayer, PolicySection, policy_key
from dingkao.plugin.vocabulary import AssessmentState

# 定考示范省: a code that GB/T 2260 gives to no place.
REGION_CODE = "990000"
VERSION = "2026-1"


class Guidance(BaseModel):
    """A sentence for the doctor: shown in `states` (empty: in every one), to those who chose one of `procedures`
    (empty: to all)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    chinese: str = Field(min_length=1)
    english: str = Field(min_length=1)
    states: tuple[AssessmentState, ...] = ()
    procedures: tuple[str, ...] = ()


class LocalPolicySection(PolicySection):
    """地方填报指引"""

    name: ClassVar[str] = "local_policy"

    guidance: tuple[Guidance, ...] = policy_key(
        default=(),
        description="填报指引: sentences for the doctor, by stage and procedure; none outside the region",
        source="manual 2.2.2 to 2.2.6, notes",
    )


_FORM = (AssessmentState.OPENED, AssessmentState.RETURNED)
_TESTS = (AssessmentState.BODY_APPROVED, AssessmentState.TESTING)

GUIDANCE: Sequence[Guidance] = (
    # Manual 2.2.2, note.
    Guidance(
        chinese="如发现所在机构不对需调整，请联系上级卫生行政机构处理。",
        english="If your institution is wrong, ask the superior health authority to correct it.",
        states=(AssessmentState.NOT_OPENED, *_FORM),
    ),
    # Manual 2.2.3 (1).
    Guidance(
        chinese="上传照片要求：1寸免冠电子证件照片，建议白色底，jpg格式；照片将用于考核结果通知书打印，请使用近期的新照片。",
        english="Photo: a recent one-inch bareheaded portrait as jpg, white background advised; "
        "it is printed on the notice of the result.",
        states=_FORM,
    ),
    # Manual 2.2.3 (2), note.
    Guidance(
        chinese="教育经历信息可直接填最高学历。",
        english="Of your education the highest degree is enough.",
        states=_FORM,
    ),
    # Manual 2.2.3 (4), note.
    Guidance(
        chinese="个人述职须在页面中手动填报，最多不超过2000字。",
        english="Type your personal statement into the page: at most 2000 characters.",
        states=_FORM,
        procedures=("SIMPLE",),
    ),
    # Manual 2.2.3, last note.
    Guidance(
        chinese="如工作成绩或职业道德评定中有任何一项被机构评定为不合格，本次考核结果即为不合格。",
        english="If the institution rates either work performance or professional ethics as failed, "
        "the assessment is failed.",
        states=(*_FORM, AssessmentState.SUBMITTED, AssessmentState.INSTITUTION_APPROVED),
    ),
    # Manual 2.2.5, notes.
    Guidance(
        chinese="初次进入测评须进行人脸信息采集授权，否则影响考核监考以及测评进度。",
        english="Before your first test, consent to face capture; without it the tests are held up.",
        states=_TESTS,
    ),
    Guidance(
        chinese="请注意答题次数和答题时间范围：简易程序试卷为多次答题试卷，试卷分数合格即交卷成功。",
        english="Mind the attempts and the time: this paper may be sat many times until it is passed.",
        states=_TESTS,
        procedures=("SIMPLE",),
    ),
    Guidance(
        chinese="请注意答题次数和答题时间范围：一般程序试卷只有1次答题机会；先完成医学人文测评，合格后再参加业务水平测评。",
        english="Mind the attempts and the time: each paper may be sat once; humanities first, and the professional "
        "paper once it is passed.",
        states=_TESTS,
        procedures=("GENERAL",),
    ),
    Guidance(
        chinese="医学人文和业务水平任何一张试卷不合格，本次考核结果即为不合格。",
        english="If either paper is failed, the assessment is failed.",
        states=_TESTS,
        procedures=("GENERAL",),
    ),
    # Manual 2.2.6, note.
    Guidance(
        chinese="根据当地要求，可自主选择是否打印考核结果通知书；定期考核合格证书需加盖发证机关公章后方可生效。",
        english="You may print the notice of the result; the certificate is in force only under the authority's seal.",
        states=(AssessmentState.CONCLUDED,),
    ),
)

LAYERS: Sequence[PolicyLayer] = (
    PolicyLayer(
        region=REGION_CODE,
        source="local_policy/accounts",
        version=VERSION,
        reason="《医师定期考核系统操作手册（医师）》2.2.2：初始密码666666，首次登录强制修改。",
        values={"accounts.initial_password": "666666"},
    ),
    PolicyLayer(
        region=REGION_CODE,
        source="local_policy/procedures",
        version=VERSION,
        reason="《医师定期考核系统操作手册（医师）》2.2.5：简易程序医师须完成医学人文测评，共1张试卷，多次答题，合格为止。",
        values={"simple_procedure.humanities_paper": True, "simple_procedure.attempts": None},
        needs=("simple_procedure",),
    ),
    PolicyLayer(
        region=REGION_CODE,
        source="local_policy/exemptions",
        version=VERSION,
        reason="《医师定期考核系统操作手册（医师）》2.2.4：报名完成后申请；简易程序免医学人文，一般程序只免业务水平。",
        values={"exemptions.when": "AFTER_SUBMISSION", "exemptions.regional_conditions": ("HUMANITIES_EDUCATION",)},
        needs=("exemptions",),
    ),
    PolicyLayer(
        region=REGION_CODE,
        source="local_policy/papers",
        version=VERSION,
        reason="定考示范省题库较小：每卷20题、30分钟、60%合格（各省自定，手册未规定）。",
        values={
            "papers.rules": {
                "HUMANITIES": {"questions": 20, "minutes": 30, "pass_percent": 60},
                "PROFESSIONAL": {"questions": 20, "minutes": 30, "pass_percent": 60},
            }
        },
    ),
    PolicyLayer(
        region=REGION_CODE,
        source="local_policy/documents",
        version=VERSION,
        reason="《医师定期考核系统操作手册（医师）》2.2.6：医师可自主选择是否打印考核结果通知书。",
        values={"documents.notice_printable": True},
    ),
    PolicyLayer(
        region=REGION_CODE,
        source="local_policy/guidance",
        version=VERSION,
        reason="《医师定期考核系统操作手册（医师）》各节备注。",
        values={"local_policy.guidance": tuple(sentence.model_dump(mode="json") for sentence in GUIDANCE)},
    ),
)
