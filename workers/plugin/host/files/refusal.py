"""The one error of these readers; it stands alone, since every plugin's process knows it and few need a reader."""


class FileRefused(Exception):
    """A file that can't be read as the manifest says: which, where, and what to do."""
