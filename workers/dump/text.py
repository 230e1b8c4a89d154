"""File names that are bytes, made text."""


def text_of(name: bytes) -> str:
    """A file's name as text: UTF-8, else Latin-1, in which every byte is a letter."""
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name.decode("latin-1")


def is_utf8(name: bytes) -> bool:
    """Is the name text as it is?"""
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True
