"""The child process that trains one cell."""
