"""`python -m bench.overhead ENGINE`: what measuring adds to an epoch, counted part by part."""
