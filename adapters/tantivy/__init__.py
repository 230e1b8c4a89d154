"""tantivy: the embedded search engine."""
