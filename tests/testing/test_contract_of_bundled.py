"""The bundled plugins keep what every plugin has to keep."""

from collections.abc import Mapping

from dingkao.plugin.ids import encode_id
from dingkao.testing.contract import PluginContract
from dingkao.testing.sample import SampleDoctor
from dingkao.testing.scene import Scene
from dingkao_exemptions.plugin import plugin as exemptions
from dingkao_exemptions.tables import ExemptionProof, ExemptionRequest
from dingkao_general_procedure.plugin import plugin as general_procedure
from dingkao_local_policy.plugin import plugin as local_policy
from dingkao_simple_procedure.plugin import plugin as simple_procedure


class TestExemptions(PluginContract):
    name = "exemptions"
    plugin = exemptions

    async def populate(self, scene: Scene, doctor: SampleDoctor) -> Mapping[str, str]:
        request = await ExemptionRequest.insert(
            ExemptionRequest(
                assessment=doctor.assessment_id,
                procedure="GENERAL",
                procedure_title="一般程序",
                subject="PROFESSIONAL",
                conditions=f'[{{"code": "A", "title": "只关于{doctor.doctor_id}号医师"}}]',
                state="REQUESTED",
                institution=scene.province.institution_id,
                body=scene.province.body_id,
                requested_by=doctor.account_id,
                requested_at=scene.clock.now(),
            )
        ).returning(ExemptionRequest.id)
        key = request[0]["id"]
        await ExemptionProof.insert(ExemptionProof(request=key, position=1, file=key))
        opaque = encode_id("Exemption", key)
        return {"id": opaque, "exemptionId": opaque, "file": encode_id("File", key)}


class TestGeneralProcedure(PluginContract):
    name = "general_procedure"
    plugin = general_procedure


class TestSimpleProcedure(PluginContract):
    name = "simple_procedure"
    plugin = simple_procedure


class TestLocalPolicy(PluginContract):
    name = "local_policy"
    plugin = local_policy
