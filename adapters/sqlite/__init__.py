"""SQLite: records in one file, documents in one file a collection."""
