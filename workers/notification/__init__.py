"""The notification worker: works out who is told, and sends."""
