"""Elasticsearch 8 and 9: the search engine on servers."""
