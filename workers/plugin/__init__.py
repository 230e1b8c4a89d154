"""Plugins run here: in processes and environments of their own, never imported into ours."""
