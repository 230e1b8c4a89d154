"""The parser behind a manifest whose `parser` is an object: tables and JSON, read without code of the plugin's own."""
