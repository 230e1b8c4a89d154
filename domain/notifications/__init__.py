"""Notifications: what people are told, by which channel, once."""
