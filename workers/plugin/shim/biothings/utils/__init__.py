"""Functions that parsers use."""
