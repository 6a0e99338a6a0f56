"""What is to be run: options, profiles, cells, data and weights."""
