"""The mark of a hook's implementation: apart from the hooks themselves, whose types bring in the database layer."""

import pluggy

PROJECT = "dingkao"

hookimpl = pluggy.HookimplMarker(PROJECT)
