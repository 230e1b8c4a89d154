"""The dump worker: fetches a source's files."""
