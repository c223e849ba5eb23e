"""What the region changes, each group of keys with the requirement it comes from.

Modelled on what the zone asked for in 2025 (gxyxh.org, News_read_id_4359.shtml). Nothing here is official: a region
that takes this as a model writes its own notice's sentences and dates, and raises VERSION with each change.
"""

from collections.abc import Sequence

from dingkao.plugin.policy import PolicyLayer

# GB/T 2260 gives the zone no code of its own: it lies across several districts. This is the code that the operator's
# region tree must have for it, below 510100 (成都市).
REGION_CODE = "510191"
VERSION = "2025-1"

_NOTICE = "成都高新区2025年医师定期考核免考办理要求"

LAYERS: Sequence[PolicyLayer] = (
    PolicyLayer(
        region=REGION_CODE,
        source="chengdu_hightech/exemption_request",
        version=VERSION,
        reason=f"{_NOTICE}：一般程序医师在机构审核、考核机构复核通过后，于2025年2月10日至21日申请免考，"
        "再经机构二次审核、考核机构二次复核，试卷自动记为通过。",
        values={
            # After the approval the two levels decide once more: the second round.
            "exemptions.when": "AFTER_APPROVAL",
            "exemptions.window": {"opens_on": "2025-02-10", "closes_on": "2025-02-21"},
            "exemptions.waivable": {"GENERAL": "PROFESSIONAL"},
        },
        # GENERAL is a code of the plugin general_procedure: a layer may name only what is there.
        needs=("exemptions", "general_procedure"),
    ),
    PolicyLayer(
        region=REGION_CODE,
        source="chengdu_hightech/exemption_proofs",
        version=VERSION,
        reason=f"{_NOTICE}：须同时上传职称证书或住院医师规范化培训合格证书，以及完整的医师执业证书（电子证照亦可）。",
        values={
            "exemptions.every_proof_kind": True,
            "exemptions.proof_wording": {
                "PRACTICE_CERTIFICATE": {
                    "chinese": "完整的医师执业证书（全部信息页，电子证照亦可）",
                    "english": "The whole practice certificate: every page, or the electronic licence",
                },
            },
        },
        needs=("exemptions",),
    ),
    PolicyLayer(
        region=REGION_CODE,
        source="chengdu_hightech/exemption_exclusions",
        version=VERSION,
        reason=f"{_NOTICE}：全科转岗培训、执业助理医师晋升执业医师不属于免考条件。",
        values={
            "exemptions.excluded": {
                "GENERAL_PRACTICE_TRANSFER": {
                    "chinese": "全科转岗培训不是住院医师规范化培训，不能申请免考。",
                    "english": "Transfer training in general practice is no residency training.",
                },
                "ASSISTANT_TO_LICENSED": {
                    "chinese": "由执业助理医师晋升为执业医师不是晋升上一级专业技术职务，不能申请免考。",
                    "english": "Promotion from assistant to licensed doctor is no promotion to the next title.",
                },
            },
        },
        needs=("exemptions",),
    ),
    PolicyLayer(
        region=REGION_CODE,
        source="chengdu_hightech/documents",
        version=VERSION,
        reason="本区允许医师自行打印考核结果通知书（《医师定期考核系统操作手册（医师）》2.2.6：根据当地要求）。",
        values={
            "documents.notice_printable": True,
            "documents.notice_notes": ("本通知书由医师本人自行打印，可扫描二维码查验真伪。",),
        },
    ),
)
