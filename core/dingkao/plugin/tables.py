"""What a plugin builds its tables and queries from, besides `piccolo.columns`.

A plugin's table is `class Request(Record, db=ROUTER, tablename="NAME_request")`, NAME being its entry point's. It
refers to its own tables with `reference`, and to the core's objects by plain `BigInt` keys: a foreign key into a core
table would tie the core's migrations to whichever plugins happen to have been installed once, and go on doing so when
the plugin is gone. A query that names a table of the core raises OutOfReach: its records come from `PluginServices`, in
the scope of the account that asks. The core never deletes an assessment. A file that nothing uses is deleted after a
while (`dingkao retention`): name the column that holds a file's key `file` or `…_file`, by which it is seen to be in
use, and such a key cannot come to point at nothing either.

Personal numbers of its own a plugin keeps in `Sealed` columns: encrypted with the server's keys, and sealed anew when a
key is replaced. One that is looked for has a `blind_index` beside it (`indexes_of`).
"""

from dingkao.db.guarding import PLUGIN_ROUTER as ROUTER
from dingkao.db.guarding import OutOfReach
from dingkao.db.guarding import PluginStatement as Statement
from dingkao.db.migrations import MigrationSet
from dingkao.db.sealed import Sealed, SealedText, blind_index, indexes_of
from dingkao.db.tables import Record, code_column, one_of, reference, unique

__all__ = [
    "ROUTER",
    "MigrationSet",
    "OutOfReach",
    "Record",
    "Sealed",
    "SealedText",
    "Statement",
    "blind_index",
    "code_column",
    "indexes_of",
    "one_of",
    "reference",
    "unique",
]
