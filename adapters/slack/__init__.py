"""Slack: by a web hook, or by a bot."""
