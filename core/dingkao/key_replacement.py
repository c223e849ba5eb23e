"""Replacing a key whole (`dingkao keys rotate`): everything that the server has sealed is sealed anew with the newest
key, and then it is counted what still needs an older one.

What is sealed: the sealed columns of the core's tables and of those of plugins, with their indexes; the secrets of
authenticators; the images of faces. What only an older key could check and nobody can make anew: entries of the audit,
which name their key and keep it (`KEY:audit`), and the tokens of attempts that are being written, until they end.
Signed links would have ended minutes later, and are asked for again.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from dingkao.accounts.resealing import reseal_second_factors
from dingkao.audit.tables import AuditEntry
from dingkao.audit.work import SYSTEM_CALLER, begin
from dingkao.crypto.purposes import Purpose
from dingkao.db.database import fetch
from dingkao.db.resealing import Use, count_rows, count_uses, count_uses_of, reseal
from dingkao.db.tables import Record
from dingkao.environment import Environment
from dingkao.migrations import CORE_TABLES
from dingkao.papers.tables import Attempt
from dingkao.papers.vocabulary import AttemptState
from dingkao.proctoring.resealing import ResealedFaces, count_older_faces, reseal_faces

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Needed:
    """For what a key of the ring, or one that is missing in it, is needed: how many numbers and other sealed texts,
    indexes, authenticators, faces and entries of the audit name it."""

    texts: int = 0
    indexes: int = 0
    authenticators: int = 0
    faces: int = 0
    audit_entries: int = 0

    @property
    def sealed(self) -> int:
        """All but the entries of the audit."""
        return self.texts + self.indexes + self.authenticators + self.faces


@dataclass(frozen=True, slots=True)
class Replaced:
    """What a replacement did and left. `rows`: rows sealed anew by table; `needed`: what each key is still needed for,
    by its name; `open_attempts`: attempts being written with a token of an older key; `unknown_plugins`: owners of
    tables that were not looked at, since their plugin is blocked or gone."""

    rows: Counter[str] = field(default_factory=Counter)
    authenticators: int = 0
    faces: ResealedFaces = field(default_factory=ResealedFaces)
    needed: dict[str, Needed] = field(default_factory=dict)
    open_attempts: int = 0
    unknown_plugins: tuple[str, ...] = ()

    @property
    def anything(self) -> bool:
        """Whether anything was sealed anew."""
        return bool(self.rows or self.authenticators or self.faces.resealed)


async def replace_keys(environment: Environment, progress: Progress = lambda done, total: None) -> Replaced:
    """Seal everything anew with the newest key, in batches, while servers run; whatever ends it, the next call goes on
    with what is left. Leaves one entry of the audit. Raises UnknownKey where the key of something is not in the ring.
    """
    tables = sealed_tables(environment)
    rows = await count_rows(tables)
    total = rows + await count_older_faces(environment)
    changed = +await reseal(tables, lambda done, _: progress(done, total))
    authenticators = await reseal_second_factors(environment)
    faces = await reseal_faces(environment, lambda done: progress(rows + done, total))
    async with begin(environment, SYSTEM_CALLER) as work:
        detail = {"rows": changed.total(), "authenticators": authenticators, "faces": faces.resealed}
        await work.record("REPLACE_KEYS", "KeyRing", None, detail)
    return Replaced(
        changed,
        authenticators,
        faces,
        await count_needed(environment),
        await count_older_tokens(environment),
        await _unknown_plugins(environment),
    )


def sealed_tables(environment: Environment) -> list[type[Record]]:
    """The tables that may have sealed columns: the core's and those of the plugins in force."""
    return [*CORE_TABLES, *environment.registry.tables]


async def count_needed(environment: Environment) -> dict[str, Needed]:
    """What each key is needed for, by its name; keys that are needed for nothing are left out."""
    found: dict[str, Counter[str]] = {}

    def add(what: str, uses: list[Use]) -> None:
        for use in uses:
            found.setdefault(use.key_id, Counter())[what] += use.count

    for use in await count_uses(sealed_tables(environment)):
        add("indexes" if use.place.endswith("_index") else "texts", [use])
    add("authenticators", await count_uses_of("second_factor", "secret"))
    add("faces", await count_uses_of("face_image", "sealed_by", "deleted_at IS NULL"))
    add("audit_entries", await count_uses_of("audit_entry", "key"))
    return {key_id: Needed(**counted) for key_id, counted in found.items()}


async def count_older_tokens(environment: Environment) -> int:
    """How many attempts are being written with a token that an older key may have made: those whose writer began before
    the last act under such a key, as the audit knows it. Starting an attempt and taking one over are such acts."""
    newest = environment.keys.newest(Purpose.AUDIT)
    last = (
        await AuditEntry.select(AuditEntry.at)
        .where(AuditEntry.key != newest)
        .order_by(AuditEntry.id, ascending=False)
        .first()
    )
    if last is None:
        return 0
    began_before = (Attempt.writer_since.is_null() & (Attempt.started_at <= last["at"])) | (
        Attempt.writer_since <= last["at"]
    )
    return int(await Attempt.count().where((Attempt.state == AttemptState.IN_PROGRESS.value) & began_before))


async def _unknown_plugins(environment: Environment) -> tuple[str, ...]:
    known = {one.owner for one in environment.registry.migrations} | {"core"}
    rows = await fetch("SELECT DISTINCT owner AS owner FROM migration_history ORDER BY 1")
    return tuple(row["owner"] for row in rows if row["owner"] not in known)
