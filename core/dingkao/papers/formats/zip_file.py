"""Reading zip files as what they are: nothing is unpacked to disk, and what would grow too large is refused."""

import io
import zipfile

from dingkao.papers.formats.common import MOST_BYTES, bad_file, check_size

MOST_MEMBERS = 200_000
# A file of questions packs to a tenth or less of its size; what packs to a hundredth is made to fill memory.
MOST_RATIO = 100
# Below it, the ratio is nobody's business.
HARMLESS_BYTES = 20_000_000


def is_zip(data: bytes) -> bool:
    """Whether the file begins as a zip file does."""
    return data.startswith(b"PK\x03\x04")


def names_in(data: bytes) -> set[str]:
    """The names of the members. Raises ValidationFailed."""
    return set(open_zip(data).namelist())


def open_zip(data: bytes) -> zipfile.ZipFile:
    """The zip file, after a look at what it says of its members. Raises ValidationFailed (BAD_ZIP, ZIP_TOO_LARGE)."""
    check_size(data)
    try:
        opened = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, OSError):
        bad_file("BAD_ZIP", "压缩文件已损坏。", "The zip file is damaged.")
    members = opened.infolist()
    unpacked = sum(member.file_size for member in members)
    if len(members) > MOST_MEMBERS or unpacked > min(2 * MOST_BYTES, max(HARMLESS_BYTES, MOST_RATIO * len(data))):
        bad_file("ZIP_TOO_LARGE", "压缩文件展开后过大。", "The zip file holds too much.")
    return opened


def read_member(opened: zipfile.ZipFile, name: str) -> bytes | None:
    """A member, whatever its header claims at most as large as a file may be; None where there is none. Raises
    ValidationFailed."""
    try:
        with opened.open(name) as stream:
            data = stream.read(MOST_BYTES + 1)
    except KeyError:
        return None
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError):
        bad_file("BAD_ZIP", "压缩文件已损坏。", "The zip file is damaged.")
    check_size(data)
    return data
