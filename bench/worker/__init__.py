"""The child that trains one cell."""
