"""The ring of the application whose database is in use: for functions that read tables and see no environment."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from dingkao.crypto.ring import KeyRing

_current: ContextVar[KeyRing | None] = ContextVar("dingkao_keys", default=None)
_NONE = KeyRing(())


def current_keys() -> KeyRing:
    """The ring in force; one without keys, which complains when it is used, outside `Database.use()`."""
    return _current.get() or _NONE


@contextmanager
def use_keys(keys: KeyRing) -> Iterator[None]:
    """Make `keys` the ring of this context and of the tasks started from it."""
    token = _current.set(keys)
    try:
        yield
    finally:
        _current.reset(token)
