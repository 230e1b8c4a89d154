"""The hands: one folder per worker, and the runner and middleware around them all."""
