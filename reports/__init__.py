"""The reading: saved files of many machines in, a written report out. It runs no cell."""
