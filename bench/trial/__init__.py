"""How long a training step takes, asked before a session decides how many an epoch has."""
