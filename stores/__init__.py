"""The adapters: one module per product behind each port of `domain.ports`."""
