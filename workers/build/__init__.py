"""The build worker: merges sources by `_id`."""
