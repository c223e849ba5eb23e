"""Pages of lists: keyset by the row's key, with opaque cursors."""

from collections.abc import Sequence
from typing import TypeVar

from dingkao.plugin.graphql import Connection, Edge, PageInfo
from dingkao.plugin.ids import decode_id, encode_id

NodeType = TypeVar("NodeType")


def after_key(type_name: str, after: str | None) -> int:
    """The key behind the cursor `after` of a list of `type_name`; 0, before every key, where there is none.
    Raises NotFound for what is no cursor of such a list."""
    return 0 if after is None else decode_id(type_name, after)


def keyset_page(type_name: str, keyed: Sequence[tuple[int, NodeType]], first: int) -> Connection[NodeType]:
    """A page of the `first` entries of `keyed`, which holds (key, object) in the order of the list, one more than
    asked for where more follow."""
    edges = [Edge(cursor=encode_id(type_name, key), node=node) for key, node in keyed[:first]]
    return Connection(
        edges=edges,
        page_info=PageInfo(has_next_page=len(keyed) > first, end_cursor=edges[-1].cursor if edges else None),
    )
