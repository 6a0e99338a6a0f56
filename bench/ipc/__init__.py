"""A child process and its parent: the job in, the records out."""
