"""`python -m bench.check FILE…`: checks saved result files against what is in them."""
