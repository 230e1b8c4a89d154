"""The language: every command and event, and the bus that carries them."""
