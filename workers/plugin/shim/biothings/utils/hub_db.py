"""The hub's databases, which a plugin can't reach from here: each name is there to be imported, and says so when it is called."""

from typing import Any


def _unreachable(*_: Any, **__: Any) -> Any:
    raise RuntimeError("a plugin has no access to the hub's database")


get_src_conn = get_src_db = get_src_dump = get_src_master = get_src_build = get_src_build_config = _unreachable
get_target_conn = get_target_db = get_target_master = get_data_plugin = get_cmd = get_api = get_event = _unreachable
