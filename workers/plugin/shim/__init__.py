"""Stands in, within a plugin's process, for the BioThings SDK: our own code, after its described behaviour."""
