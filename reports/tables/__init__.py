"""The report's questions, each answered by a frame of raw values made of a `Study`."""
