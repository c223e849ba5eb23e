"""What a running application consists of; handed to every service."""

from dataclasses import dataclass, field

from dingkao.clock import Clock
from dingkao.crypto.ring import KeyRing
from dingkao.db.database import Database
from dingkao.last_uses import LastUses
from dingkao.plugin.ports import FaceVerifier, FileStore, MiniProgram, Proctor, SealProvider, SmsSender
from dingkao.policies import PolicyBook
from dingkao.registry import Registry
from dingkao.settings import Settings
from dingkao.storage.faces import FaceImages


@dataclass(frozen=True)
class Environment:
    """Settings, keys, database, clock, what plugins contributed, the policies, and the objects behind the ports.

    `last_uses`: when this process saw which session, not written yet."""

    settings: Settings
    keys: KeyRing
    database: Database
    clock: Clock
    registry: Registry
    policies: PolicyBook
    sms: SmsSender
    face: FaceVerifier
    proctor: Proctor
    seal: SealProvider
    files: FileStore
    faces: FaceImages
    # None: no mini-program logs in here.
    mini_program: MiniProgram | None = None
    last_uses: LastUses = field(default_factory=LastUses)
