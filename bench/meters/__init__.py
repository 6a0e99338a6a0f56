"""The meters of time, memory, energy and interference, the reference kernel and the roofline."""
