"""Web hooks as Standard Webhooks describes them."""
