"""The release of the data in this folder."""


def get_release(dumper):
    """Version of the bioregistry package that the data was taken from."""
    return "0.15.6"
