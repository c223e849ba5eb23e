"""The conditions that this plugin brings to the catalogue (免考条件). Another plugin adds its own by the same hook."""

from collections.abc import Sequence

from dingkao.plugin.contributions import ExemptionCondition
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import PaperSubject

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
)

CONDITIONS: Sequence[ExemptionCondition] = (RESIDENCY_TRAINING, NEXT_TITLE_EXAM, HUMANITIES_EDUCATION)
