"""Finding the server's keys: the setting, or the file."""

import os
import stat
from pathlib import Path

from dingkao.crypto.keys import BadKeys, MasterKey, new_key, read_keys, write_key
from dingkao.crypto.ring import KeyRing
from dingkao.settings import BadSettings, Settings

_HEAD = """# Keys of a Dingkao server (定考密钥), one a line, the newest last. Who has them reads all personal numbers,
# without them nobody does: keep a copy, apart from the backups of the database. See `dingkao keys --help`.
"""


def load_keys(settings: Settings) -> KeyRing:
    """The ring of DINGKAO_KEYS, else that of the file DINGKAO_KEYS_FILE; one without keys where neither is there.
    Raises BadSettings where what is there cannot be read or is no ring."""
    given = settings.keys.get_secret_value() if settings.keys else ""
    try:
        if given.strip():
            return KeyRing.of(given)
    except BadKeys as error:
        raise BadSettings(f"DINGKAO_KEYS: {error}") from None
    if not settings.keys_file.exists() and "keys_file" not in settings.model_fields_set:
        return KeyRing(())
    try:
        return KeyRing.of(settings.keys_file.read_text(encoding="utf-8"))
    except BadKeys as error:
        raise BadSettings(f"DINGKAO_KEYS_FILE: {settings.keys_file}: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise BadSettings(
            f"DINGKAO_KEYS_FILE: {settings.keys_file} cannot be read ({reason}); `dingkao keys new` makes one"
        ) from None


def add_key(path: Path, comment: str) -> MasterKey:
    """Make a key and write it to the end of the file, which is made where it is not there, for its owner alone to read.

    `comment` is one line written before it. Raises BadKeys where the file is no ring; OSError passes through.
    """
    before = path.read_text(encoding="utf-8") if path.exists() else _HEAD
    read_keys(before)
    key = new_key()
    path.parent.mkdir(parents=True, exist_ok=True)
    # Beside it and then in its place: a full disk must not cost the keys that are there.
    temporary = path.with_name(f"{path.name}.new")
    temporary.unlink(missing_ok=True)
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o600
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as stream:
        stream.write(f"{before.rstrip()}\n# {key.id}: {comment}\n{write_key(key)}\n")
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)
    return key
