"""The store of face images: apart from other files, encrypted under a key of its own (GB/T 35273-2020, 6.3)."""

from dingkao.crypto.purposes import Purpose
from dingkao.crypto.ring import KeyRing
from dingkao.plugin.ports import FileStore
from dingkao.storage.files import new_file_name

_MEDIA_TYPE = "application/octet-stream"


class FaceImages:
    """Face images under random names. What lies in the store is encrypted (AES-256-GCM) and says nothing of whom it
    shows; it opens under the name alone that it was stored under."""

    def __init__(self, store: FileStore, keys: KeyRing) -> None:
        self._store = store
        self._keys = keys
        self.subject_secret: bytes | None = None
        """What names of people towards services are computed from (`proctoring.subjects`), once it was read."""

    @staticmethod
    def new_name() -> str:
        """A name for an image that is about to be kept."""
        return new_file_name()

    @property
    def newest_key(self) -> str:
        """The name of the key that images are encrypted with now. Raises NoKeys."""
        return self._keys.newest(Purpose.FACES)

    async def put(self, name: str, image: bytes) -> None:
        """Keep an image. Raises PortFailed, NoKeys."""
        await self._store.put(name, self._keys.seal_bytes(Purpose.FACES, _place(name), image), _MEDIA_TYPE)

    async def get(self, name: str) -> bytes:
        """The image. Raises KeyError where there is none, PortFailed, CryptoError."""
        return self._keys.open_bytes(Purpose.FACES, _place(name), await self._store.get(name))

    async def delete(self, name: str) -> None:
        """Remove an image, and see that it is gone; removing what is not there is no error. Raises PortFailed."""
        await self._store.delete(name)
        try:
            await self._store.get(name)
        except KeyError:
            return
        raise FaceStillThere("the store still gives an image that it was told to delete")


class FaceStillThere(RuntimeError):
    """An image was deleted and can still be read."""


def _place(name: str) -> str:
    return f"face_image:{name}"
