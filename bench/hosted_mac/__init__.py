"""`python -m bench.hosted_mac --image NAME`: gates and parity on a hosted Mac's virtual GPU, judged."""
