"""Limits that are the same for every network: of checks, of measurements and of warnings."""

from __future__ import annotations

# Checks of the gate.
MIN_WORK_RATIO, MAX_WORK_RATIO = 1.6, 2.5
"""How many times longer twice the work may take. A clock that does not wait for the device times only
the calls and gives 1. Measured with a clock that waits: 1.98 to 2.02 on an idle computer."""
MAX_SHARE_LEFT = 0.1
"""How long one image's logits may take once the clock has stopped, as a share of the timed seconds."""
MIN_DROPOUT_DIFFERENCE, MAX_DROPOUT_DIFFERENCE = 1e-6, 1.0
"""How far two losses of one batch are apart if dropout draws anew, as a share of the loss."""
MAX_MOMENTUM_ERROR = 1e-5
"""How far the momentum of two steps at rate 0 may be off. The weights stand still, so that no ReLU flips
and the second gradient is the first one again. Seen: 2e-8."""
MAX_WEIGHT_DECAY = 1e-6
"""The smallest in use is 1e-5. A gradient's roundings lie across the weights, not along. Seen: 1e-9."""
MAX_DROPOUT_SCALE_ERROR = 1e-2
"""How far what is kept may be from 1 / (1 - rate) times the input, as a share. Seen: 1e-5."""
MAX_DROPOUT_SIGMAS = 5.0
"""How many standard errors the share of dropped inputs may be off, or two masks agree more than by
chance. By chance 1 gate in 50,000 exceeds it, with its 60 comparisons."""

# Results.
MIN_IMAGES_TO_LEARN = 20_000
"""Training images from which on a run is checked for having learnt: `scratch` at 64 px passes 30 %
of the validation images after 15,360 in one framework and 17,280 in the other (seed 0)."""
MAX_PICTURES = 16
"""The number of sample test images in a result."""

# Energy.
MIN_ENERGY_SECONDS = 20.0
"""The shortest epoch whose energy is measured. An M5 Max published its counters every 2.2 s, so that
20 s are off by a tenth at most."""

# Warnings.
MAX_DRIFT = 0.05
"""The share by which a run, or the reference kernel, may end slower than it began."""
MAX_SWAPPED_BYTES = 100e6
"""Fewer bytes than this are swapped in on any idle computer."""
