"""The data path: sources, builds and APIs, what leads from one to the next, and when."""
