"""The index worker: makes releases of builds, and tries mappings."""
