"""Object-level access: every type of the schema, for every kind of account, as docs/access.md has it."""

from starlette.applications import Starlette

from dingkao.testing.sample import SampleProvince

from . import asking
from .access_scene import make_objects
from .access_table import PAGE, seen, table, unseen
from .test_access import ClientOf

# Deeper or rarer than the scene goes: parts of an object that is in it, and no way to them but through that object.
NOT_IN_THE_SCENE = {
    "AttemptSave",
    "ExemptionOpinion",
    "ExemptionWindow",
    "FacePicture",
    "FieldProblem",
    "InstitutionFiling",
    "MarkChange",
    "MarkCount",
    "PaperAbsence",
    "PolicyChange",
    "PolicyKindCount",
    "PolicyTouchedAssessment",
    "PolicyValueChange",
    "PracticeHistory",
    "ProctorFlag",
    "ProctorVerdict",
    "Reexamination",
    "ReviewedPosition",
    "SavedAnswer",
    "SentAnswer",
    "SittingDoctor",
    "UnmetRequirement",
    "ValidationProblem",
    "VoidedQuestion",
    "Waiver",
}


async def test_every_type_is_seen_by_whom_it_concerns_and_by_nobody_else(
    app: Starlette, province: SampleProvince, client_of: ClientOf
) -> None:
    objects = await make_objects(app.state.environment, province)
    schema = asking.schema()
    found, broken = await seen(schema, objects, client_of)
    assert broken == [], "neither data nor a refusal"
    missing = unseen(schema, found)
    assert missing == NOT_IN_THE_SCENE, "give tests/web/access_scene.py an object of the new type"
    assert found["nobody"] <= {"Procedure"}
    # What the doctor sees of himself and an account without a role does not is nobody's who has nothing to do with it.
    own = found["the doctor"] - found["no role"] - {"RoleGrant", "QuestionOption"}
    own = {name for name in own if not name.endswith(("Connection", "Edge", "PageInfo"))}
    assert {"Assessment", "Attempt", "Doctor", "Registration", "UploadedFile", "Exemption"} <= own
    for who in (
        "a colleague", "a doctor elsewhere", "another institution", "another body", "another region's authority",
        "an invigilator elsewhere", "an author of questions", "an approver of questions", "the system administrator",
        "the security administrator", "a security administrator elsewhere", "the audit administrator",
    ):  # fmt: skip
        assert found[who] & own == set(), who
    assert found["an invigilator of the body"] & own == {"Attempt", "Intervention", "Paper", "Proctoring", "Voiding"}
    assert table(schema, found) == PAGE.read_text(encoding="utf-8"), "run python -m tests.web.access_table, and look"
