"""Saved files as tidy frames: read without trust, and which runs may be compared."""
