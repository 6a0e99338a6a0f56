"""`python -m bench.doctor`: checks whether this computer is ready for a run."""
