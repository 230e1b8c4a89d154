"""The schema, one module per noun."""
