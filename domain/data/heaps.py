"""Where the outputs of the data path lie: collections of documents, indexes, and the folders of dumps."""

from domain.hub import Stores

DUMPS = "dumps"
"""The folder of Files below which each dump has one of its own."""


class Collections:
    """What uploads, inspections and builds make."""

    async def names(self, hub: Stores) -> list[str]:
        """Of all collections, unsealed ones too."""
        return await hub.documents.names()

    async def drop(self, hub: Stores, name: str) -> None:
        """Remove the collection."""
        await hub.documents.drop(name)


class Indexes:
    """What releases make."""

    async def names(self, hub: Stores) -> list[str]:
        """Of all indexes."""
        return await hub.search.names()

    async def drop(self, hub: Stores, name: str) -> None:
        """Remove the index."""
        await hub.search.drop(name)


class Dumps:
    """What dumps fetch."""

    async def names(self, hub: Stores) -> list[str]:
        """Of all dumps."""
        return await hub.files.folders(DUMPS)

    async def drop(self, hub: Stores, name: str) -> None:
        """Remove the dump with all its files."""
        await hub.files.delete(f"{DUMPS}/{name}")


COLLECTIONS, INDEXES, DUMP_FOLDERS = Collections(), Indexes(), Dumps()
