"""`python -m bench.check FILE…`: saved files vetted by what stands in them."""
