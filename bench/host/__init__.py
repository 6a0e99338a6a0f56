"""The computer at hand: what it is, the state it is in, and the lock on it."""
