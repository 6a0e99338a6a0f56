"""What measures: time, memory, energy, the reference kernel, the roofline."""
