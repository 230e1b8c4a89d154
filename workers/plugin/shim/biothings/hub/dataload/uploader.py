"""Uploader classes, from which advanced plugins derive theirs."""

import glob
import logging
import os
from collections.abc import Iterable
from typing import Any

from .storage import BasicStorage, IgnoreDuplicatedStorage, MergerStorage, NoBatchIgnoreDuplicatedStorage, NoStorage


class BaseSourceUploader:
    """What a plugin overrides: `load_data`, `get_mapping`, `name`, `main_source`, `storage_class`, `__metadata__`."""

    name: str | None = None
    main_source: str | None = None
    storage_class: Any = BasicStorage
    keep_archive = 10
    regex_name: str | None = None
    config: Any = None
    __metadata__: dict[str, Any] = {}

    def __init__(self, db_conn_info: Any = None, collection_name: str | None = None, log_folder: str | None = None) -> None:
        self.collection_name = collection_name or self.name
        self.data_folder: str | None = None
        self.release: str | None = None
        self.src_doc: dict[str, Any] = {}
        self.logger = logging.getLogger(self.name or "plugin")
        self.temp_collection_name: str | None = None

    @classmethod
    def create(cls, db_conn_info: Any = None, *args: Any, **kwargs: Any) -> Any:
        """An instance."""
        return cls(db_conn_info, *args, **kwargs)

    @property
    def fullname(self) -> str:
        """`<main source>.<name>`, or the name alone."""
        return f"{self.main_source}.{self.name}" if self.main_source and self.main_source != self.name else str(self.name)

    def load_data(self, data_folder: str) -> Any:
        """The documents; every plugin says which."""
        raise TypeError(f"{type(self).__name__} has no load_data")

    @classmethod
    def get_mapping(cls) -> dict[str, Any]:
        """Elasticsearch properties."""
        return {}

    def post_update_data(self, steps: Any = None, force: bool = False, batch_size: int = 10000, **_: Any) -> None:
        """Called by a hub once documents are stored; not here."""

    def prepare(self, state: Any = None) -> None:
        """Nothing needs to be made ready."""


class NoBatchIgnoreDuplicatedSourceUploader(BaseSourceUploader):
    """Of documents that share their `_id` one counts."""

    storage_class = NoBatchIgnoreDuplicatedStorage


class IgnoreDuplicatedSourceUploader(BaseSourceUploader):
    """Of documents that share their `_id` one counts."""

    storage_class = IgnoreDuplicatedStorage


class MergerSourceUploader(BaseSourceUploader):
    """Documents that share their `_id` are merged."""

    storage_class = MergerStorage


class NoDataSourceUploader(BaseSourceUploader):
    """Stores nothing."""

    storage_class = NoStorage


class DummySourceUploader(BaseSourceUploader):
    """Its data is loaded by other means."""


class ParallelizedSourceUploader(BaseSourceUploader):
    """`jobs` gives the arguments of each `load_data` call."""

    MAX_PARALLEL_UPLOAD: int | None = None

    def jobs(self) -> Iterable[tuple[Any, ...]]:
        """Argument tuples; every plugin says which."""
        raise TypeError(f"{type(self).__name__} has no jobs")

    def files(self, pattern: str) -> list[str]:
        """Files of the data folder that match."""
        return sorted(glob.glob(os.path.join(glob.escape(self.data_folder or ""), pattern)))
