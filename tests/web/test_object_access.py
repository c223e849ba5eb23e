"""Object-level access: every type of the schema, for every kind of account, as docs/access.md has it."""

from starlette.applications import Starlette

from dingkao.testing.sample import SampleProvince

from . import asking
from .access_scene import make_objects
from .access_table import PAGE, PARTS, holders, seen, table, unseen
from .test_access import ClientOf


def test_a_part_hangs_on_its_whole_and_on_nothing_else() -> None:
    """Types without an object in the scene: no way leads to them but through one that is asked of every account."""
    for part, whole in PARTS.items():
        assert holders(asking.schema(), part) == {whole}


async def test_every_type_is_seen_by_whom_it_concerns_and_by_nobody_else(
    app: Starlette, province: SampleProvince, client_of: ClientOf
) -> None:
    objects = await make_objects(app.state.environment, province)
    schema = asking.schema()
    found, broken = await seen(schema, objects, client_of)
    assert broken == [], "neither data nor a refusal"
    missing = unseen(schema, found)
    assert missing == set(PARTS), "give tests/web/access_scene.py an object of the new type"
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
    assert found["an invigilator of the body"] & own == {
        "Attempt", "Intervention", "Paper", "PaperAbsence", "Proctoring", "Voiding",
    }  # fmt: skip
    assert table(schema, found) == PAGE.read_text(encoding="utf-8"), "run python -m tests.web.access_table, and look"
