"""The computer that runs this: what it is, its condition, and the lock that one session holds on it."""
