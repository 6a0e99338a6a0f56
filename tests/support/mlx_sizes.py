"""What tests/support/mlx_worker.py and its test agree on: a test imports no framework."""

NARROWER = 16
"""How many times narrower the networks are."""
RATES = (0.01, 0.01, 0.001)
"""Of three steps."""
CLASSES = 1000
"""Of ImageNet's weights."""
