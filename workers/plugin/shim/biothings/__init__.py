"""What plugins use of the BioThings SDK."""

from types import ModuleType

from . import config

__version__ = "1.0.0"
"""The version whose behaviour is followed."""


def config_for_app(app_config: ModuleType | object) -> None:
    """Take an application's settings over into `config`; what it sets already stays where the application says nothing."""
    for name in dir(app_config):
        if name.isupper():
            setattr(config, name, getattr(app_config, name))


def get_version() -> str:
    """The version whose behaviour is followed."""
    return __version__
