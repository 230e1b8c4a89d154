"""MongoDB: records and documents, by motor."""
