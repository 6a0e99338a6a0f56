"""`python -m bench.doctor`: what would spoil a run on this computer."""
