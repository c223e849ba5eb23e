"""Files that were uploaded or made."""

from piccolo.columns import Integer, Timestamptz, Varchar

from dingkao.accounts.tables import Account
from dingkao.assessments.tables import Assessment
from dingkao.db.routing import ROUTER
from dingkao.db.tables import Record, code_column, one_of, reference
from dingkao.plugin.vocabulary import FilePurpose


class StoredFile(Record, db=ROUTER, tablename="stored_file"):
    """文件: an upload for one assessment and purpose. `name` is the unguessable name in the file store; `title` is what
    the uploader called it, for people to read."""

    _audited_as = "File"

    assessment = reference(Assessment)
    purpose = code_column(30)
    name = code_column(80, unique=True)
    title = Varchar(120, default="")
    media_type = code_column(60)
    size = Integer(default=0)
    digest = code_column(64)
    uploaded_by = reference(Account)
    uploaded_at = Timestamptz(default=None)

    purpose_known = one_of("purpose", FilePurpose)
