"""Files: in a folder, or in an S3-compatible object store."""
