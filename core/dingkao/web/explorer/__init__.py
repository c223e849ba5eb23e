"""The GraphQL explorer: GraphiQL, with every file of it served from this server.

A browser that opens the GraphQL endpoint gets `Explorer.page`; the files that page needs come from `Explorer.routes`.
They are built from npm packages at install time (`python -m dingkao.web.explorer.build`) and are part of no commit.
"""

from dingkao.web.explorer.page import Explorer, ExplorerLogIn, ExplorerRefresh, ExplorerTab

__all__ = ["Explorer", "ExplorerLogIn", "ExplorerRefresh", "ExplorerTab"]
