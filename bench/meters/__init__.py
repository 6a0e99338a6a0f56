"""The meters of time, memory and energy, the reference kernel and the roofline."""
