"""A child process and its parent: the job goes in, the records come out."""
