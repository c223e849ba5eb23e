"""All that a plugin may import, besides `dingkao.testing`.

`PLUGIN_API` is the version of this contract: a plugin states the one it was made for, and the host refuses another.
"""

from dingkao.plugin.marker import hookimpl

PLUGIN_API = 1

__all__ = ["PLUGIN_API", "hookimpl"]
