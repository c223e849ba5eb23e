"""What the region changes, and the section of its own in which the spot checks stand.

Modelled on what a study site told of the province's notice of 2023 (m.uzzf.com, u/757424), which is second hand: the
share of the spot checks is an assumption. Nothing here is official. A region that takes this as a model writes its own
notice's sentences, dates and figures, and raises VERSION with each change.
"""

from collections.abc import Sequence
from typing import ClassVar

from dingkao.plugin.policy import PolicyLayer, PolicySection, Stricter, may_tighten, policy_key

# 山东省 (GB/T 2260).
REGION_CODE = "370000"
VERSION = "2023-1"


class SpotCheckPolicy(PolicySection):
    """抽查核查"""

    name: ClassVar[str] = "shandong_2023"

    spot_check_percent: int = policy_key(
        default=0,
        ge=0,
        le=100,
        description="抽查比例（百分比）: the share of an institution's doctors whose material the assessment body "
        "checks before it approves; 0: nobody is drawn and nothing waits",
        source="regions' notices; the measure of 2007 lets the authority inspect (Art. 10)",
        lower=may_tighten(Stricter.HIGHER),
    )
    spot_check_minimum: int = policy_key(
        default=1,
        ge=0,
        le=100,
        description="每次抽查最少人数: doctors drawn at least, where a share is drawn at all",
        source="regions' notices",
        lower=may_tighten(Stricter.HIGHER),
    )
    spot_check_procedures: tuple[str, ...] = policy_key(
        default=("SIMPLE",),
        description="须抽查的考核程序: codes of the procedures whose doctors are drawn from",
        source="regions' notices; the simple procedure rests on material alone (2007 measure, 考核程序)",
        lower=may_tighten(Stricter.MORE),
    )


_NOTICE = "山东省2023年医师定期考核工作安排"
_RULE = {"questions": 100, "minutes": 60, "pass_percent": 60, "pass_mark": "AFTER_SITTING"}

LAYERS: Sequence[PolicyLayer] = (
    PolicyLayer(
        region=REGION_CODE,
        source="shandong_2023/papers",
        version=VERSION,
        reason=f"{_NOTICE}：线上测评7月20日至9月15日；9月20日至30日由省统计成绩后划定合格线。",
        values={"papers.rules": {"HUMANITIES": _RULE, "PROFESSIONAL": _RULE}},
    ),
    PolicyLayer(
        region=REGION_CODE,
        source="shandong_2023/years_of_practice",
        version=VERSION,
        reason=f"{_NOTICE}：执业年限计算至2023年12月31日。",
        values={
            "simple_procedure.years_counted_to": "DATE",
            "simple_procedure.years_counted_on": "2023-12-31",
        },
        needs=("simple_procedure",),
    ),
    PolicyLayer(
        region=REGION_CODE,
        source="shandong_2023/routing",
        version=VERSION,
        reason=f"{_NOTICE}：省属医疗卫生机构直接报省级，市属、县属机构报同级考核机构。",
        # An institution's level is that of the region it belongs to in the region tree, wherever its building stands.
        values={
            "reviews.body_of_level": {"PROVINCE": "PROVINCE", "PREFECTURE": "PREFECTURE", "COUNTY": "COUNTY"},
        },
    ),
    PolicyLayer(
        region=REGION_CODE,
        source="shandong_2023/spot_checks",
        version=VERSION,
        reason=f"{_NOTICE}：简易程序医师按机构抽查。（比例为假设）",
        values={"shandong_2023.spot_check_percent": 10},
    ),
    PolicyLayer(
        region=REGION_CODE,
        source="shandong_2023/documents",
        version=VERSION,
        reason=f"{_NOTICE}：合格证书由省级卫生健康行政部门加盖公章。",
        values={"documents.seal_authority": "PROVINCE"},
    ),
)
