"""The adapters: one folder a product, each the far end of a port of `domain.ports`."""
