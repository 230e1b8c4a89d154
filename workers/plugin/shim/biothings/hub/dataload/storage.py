"""Storage classes, by which advanced plugins say what becomes of documents that share their `_id`."""


class BasicStorage:
    """A repeated `_id` is an error."""

    on_duplicates = "error"


class CheckSizeStorage(BasicStorage):
    """As BasicStorage."""


class IgnoreDuplicatedStorage(BasicStorage):
    """One of them counts."""

    on_duplicates = "ignore"


class NoBatchIgnoreDuplicatedStorage(IgnoreDuplicatedStorage):
    """As IgnoreDuplicatedStorage."""


class UpsertStorage(IgnoreDuplicatedStorage):
    """As IgnoreDuplicatedStorage."""


class MergerStorage(BasicStorage):
    """They are merged."""

    on_duplicates = "merge"


class RootKeyMergerStorage(MergerStorage):
    """As MergerStorage."""


class NoStorage(BasicStorage):
    """Nothing is stored."""
