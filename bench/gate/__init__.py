"""The correctness gate before a cell: the device held against the CPU in float64."""
