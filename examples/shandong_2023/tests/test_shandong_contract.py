"""What every plugin keeps."""

from collections.abc import Mapping

from dingkao.plugin.ids import encode_id
from dingkao.plugin.vocabulary import ReviewLevel
from dingkao.testing.contract import PluginContract
from dingkao.testing.progress import decide, submit_registration
from dingkao.testing.sample import SampleDoctor
from dingkao.testing.scene import Scene
from dingkao_shandong_2023.plugin import plugin
from dingkao_shandong_2023.service import draw_spot_checks, order_spot_check, record_spot_check
from dingkao_shandong_2023.store import read_checks_of


class TestContract(PluginContract):
    name = "shandong_2023"
    plugin = plugin

    async def populate(self, scene: Scene, doctor: SampleDoctor) -> Mapping[str, str]:
        """A doctor who was drawn (outside the province, where nobody is: whose check was ordered), and the finding."""
        province = scene.province
        await submit_registration(scene.environment, doctor, "SIMPLE")
        await decide(province, doctor, ReviewLevel.INSTITUTION)
        reading = (await scene.services.readings(province.body, [doctor.assessment_id]))[0]
        assert reading is not None
        if reading.policy.section(plugin.policy_sections()[0]).spot_check_percent:
            await draw_spot_checks(scene.services, province.body, province.institution_id)
        else:
            reason = f"对医师{doctor.doctor_id}的举报"
            await order_spot_check(scene.services, province.authority, doctor.assessment_id, reason)
        check = (await read_checks_of([doctor.assessment_id]))[0][0]
        finding = f"医师{doctor.doctor_id}的述职与实际不符"
        await record_spot_check(scene.services, province.body, check.id, confirmed=False, finding=finding)
        return {
            "spotCheckId": encode_id("Shandong2023SpotCheck", check.id),
            "assessmentId": encode_id("Assessment", doctor.assessment_id),
            "institutionId": encode_id("Organisation", province.institution_id),
        }
