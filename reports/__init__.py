"""The reading: saved files of many machines in, a written report out. It runs no cell."""

import os

# A notebook leaves the name of its own here, which matplotlib refuses where that is not installed. Set
# before matplotlib is imported; plots are drawn into files.
os.environ["MPLBACKEND"] = "agg"
