"""The schema, one folder or file a noun; gateway/schema.py adds them up."""
