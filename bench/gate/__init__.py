"""The correctness gate: before a cell trains, its device is compared with the reference."""
