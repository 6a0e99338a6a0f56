"""`python -m bench.fleet HOST…`: one session on each of many computers, over SSH, and one report."""
