"""Two provinces with a plugin's records in both, and the accounts whom one doctor's records do not concern."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dingkao.db.database import fetch, is_postgresql
from dingkao.environment import Environment
from dingkao.host.services import CoreServices
from dingkao.plugin.caller import Caller
from dingkao.plugin.ids import encode_id
from dingkao.plugin.services import PluginServices
from dingkao.testing.clock import SettableClock
from dingkao.testing.sample import SampleDoctor, SampleProvince, build_sample

# What changes without an operation that changes something: sessions, and what is written about an attempt.
_NOT_COMPARED = {"session", "session_token", "audit_entry", "audit_head", "migration_history", "sqlite_sequence"}
# A region far from whichever the plugin is for.
ELSEWHERE = "980000"
# Shorter texts are codes and words that occur anywhere.
_SHORTEST_HIDDEN = 6


@dataclass(frozen=True)
class Scene:
    """Where `populate` writes: a province, the services that the plugin's own functions take, the clock."""

    province: SampleProvince
    services: PluginServices
    clock: SettableClock

    @property
    def environment(self) -> Environment:
        """The running application's parts."""
        return self.province.environment


Populate = Callable[[Scene, SampleDoctor], Awaitable[Mapping[str, str]]]


@dataclass(frozen=True)
class PopulatedScene:
    """The doctor whom everything is asked about (`arguments` hold his ids, by argument name or type), and others."""

    scene: Scene
    elsewhere: Scene
    doctor: SampleDoctor
    colleague: SampleDoctor
    stranger: SampleDoctor
    arguments: Mapping[str, str]
    hidden: frozenset[str] = field(default=frozenset())

    def owners(self) -> dict[str, Caller]:
        """Whom the doctor's records concern, by who they are."""
        province = self.scene.province
        return {
            "the doctor": self.doctor.caller,
            "his institution": province.institution,
            "his assessment body": province.body,
            "his region's authority": province.authority,
        }

    def strangers(self) -> dict[str, tuple[Caller, SampleDoctor | None]]:
        """Whom they do not concern, with the doctor that is in their own scope."""
        other = self.elsewhere.province
        return {
            "a colleague": (self.colleague.caller, self.colleague),
            "a doctor elsewhere": (self.stranger.caller, self.stranger),
            "another institution": (other.institution, self.stranger),
            "another assessment body": (other.body, self.stranger),
            "another region's authority": (other.authority, self.stranger),
        }


async def populate_scene(
    province: SampleProvince, clock: SettableClock, populate: Populate, tables: list[str]
) -> PopulatedScene:
    """Two provinces, three doctors, the plugin's records of each.

    Hidden is what the plugin stored for the first doctor alone (texts, of `tables`), his ids, and his numbers.
    """
    services = CoreServices(province.environment)
    scene = Scene(province, services, clock)
    other = await build_sample(province.environment, code_suffix="2", region_code=ELSEWHERE)
    elsewhere = Scene(other, services, clock)
    doctor = await province.add_doctor("方远志", password_hash="unused", phone="13800000001")
    colleague = await province.add_doctor("王若水", password_hash="unused", phone="13800000002")
    stranger = await other.add_doctor("赵如山", password_hash="unused", phone="13800000003")
    given = dict(await populate(scene, doctor))
    rows = await texts_by_row(tables)
    own = {text for texts in rows.values() for text in texts}
    await populate(scene, colleague)
    await populate(elsewhere, stranger)
    others = {text for key, texts in (await texts_by_row(tables)).items() if key not in rows for text in texts}
    ids = ids_of(province, doctor)
    arguments = {
        "assessmentId": ids["Assessment"],
        "assessmentIds": ids["Assessment"],
        "doctorId": ids["Doctor"],
        "cycleId": ids["Cycle"],
        "institutionId": ids["Organisation"],
        "bodyId": encode_id("Organisation", province.body_id),
        **ids,
        **given,
    }
    hidden = {ids["Assessment"], ids["Doctor"], doctor.caller.name, doctor.document_number, *given.values()}
    hidden |= {text for text in own - others if len(text) >= _SHORTEST_HIDDEN}
    return PopulatedScene(scene, elsewhere, doctor, colleague, stranger, arguments, frozenset(hidden))


def ids_of(province: SampleProvince, doctor: SampleDoctor) -> dict[str, str]:
    """Opaque ids of what a doctor of the sample is seen in, by the type's name."""
    return {
        "Assessment": encode_id("Assessment", doctor.assessment_id),
        "Doctor": encode_id("Doctor", doctor.doctor_id),
        "Cycle": encode_id("Cycle", province.cycle_id),
        "Organisation": encode_id("Organisation", province.institution_id),
        "Region": encode_id("Region", province.region_id),
    }


async def texts_by_row(tables: list[str]) -> dict[tuple[str, int], set[str]]:
    """Every text of every row of `tables`, by table and key."""
    return {
        (table, int(row["id"])): {value for value in dict(row).values() if isinstance(value, str)}
        for table in tables
        for row in await fetch(f'SELECT * FROM "{table}"')  # noqa: S608 - declared tables
    }


async def everything_stored() -> dict[str, list[str]]:
    """Every row of every table that an operation could change."""
    listed = await fetch(
        "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'"
        if is_postgresql()
        else "SELECT name FROM sqlite_master WHERE type = 'table'"
    )
    names = sorted({str(row["name"]) for row in listed} - _NOT_COMPARED)
    return {name: sorted(str(dict(row)) for row in await fetch(f'SELECT * FROM "{name}"')) for name in names}  # noqa: S608


def refusal_codes(answer: Any) -> set[str]:
    """The codes of a refusal, top-level or of each field of a ValidationProblem; empty: it was not refused."""
    if answer.get("errors"):
        return {str(error.get("extensions", {}).get("code")) for error in answer["errors"]}
    value = next(iter(answer["data"].values()))
    if isinstance(value, dict) and value.get("__typename") == "ValidationProblem":
        return {problem["code"] for problem in value["fields"]}
    return set()
