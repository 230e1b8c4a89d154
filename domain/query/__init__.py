"""The query language: text to a tree, and the tree to what an engine is asked by a mapping (docs/queries.md)."""
