"""Limits that are the same for every network: of checks, of measurements and of warnings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from alexnet.frameworks.protocol import Precision

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
"""The smallest in use is 1e-5. It is asked where the gradient is exactly 0 in every precision, so that
nothing but the decay is in the velocity. Seen: 0 in every engine that runs on a CPU and in float16 (ten
seeds of a network a sixteenth as wide; in bfloat16 also at full width; AMD EPYC, 2026-11-27)."""
MAX_RATE_ERROR = 1e-4
"""How far the rate of a step may be off, as a share. It is read from weights of about 0.01 that are
rounded to a few 10^-10, over the whole network: of a rate of 0.001 that leaves less than 10^-6."""
MAX_DROPOUT_SCALE_ERROR: Mapping[Precision, float] = {
    "float32": 1e-2,
    "TF32": 5e-2,
    "float16": 5e-2,
    "bfloat16": 0.25,
}
"""How far what is kept may be from 1 / (1 - rate) times the input, as a share. Without its scale it is
off by 0.5. Seen: 3e-5 in float32, 0.005 in float16 and 0.05 in bfloat16, the worst of thousands
of inputs."""
MAX_DROPOUT_SIGMAS = 5.0
"""How many standard errors the share of dropped inputs may be off, or two masks agree more than by
chance. By chance 1 gate in 50,000 exceeds it, with its 60 comparisons."""

# What a device keeps of a number: bits after the leading one, as bench/gate/precision.py measures them.
MANTISSA_BITS = 23
"""Those of float32."""
MIN_FLOAT32_BITS = 17.0
"""The fewest that an operation in float32 may keep. A sum of 4,096 products one after the other keeps
17.8; two bfloat16 halves in the place of each float32 keep 16.4 (simulated in numpy, 2026-11-26)."""
WINOGRAD_BITS = 4.0
"""What Winograd's algorithm may take of that. A 3x3 convolution of 128 channels in float32 keeps 19.5
bits by F(2x2), 16.8 by F(4x4) and 15.8 by F(6x6), where a direct one keeps 18.8 to 19.8; in TF32 it
keeps 9.2, 6.4 and 5.4, where a direct one keeps 10.0 (simulated in numpy, 2026-11-26)."""
WINOGRAD_BITS_5X5 = 9.0
"""What it may take of the gradient of a 5x5's weight. In float32 cuDNN gives that 8.6 bits with 128
channels and 8.3 for conv2 at 224 px, the same in torch 2.11 and JAX 0.11, be TF32 allowed or not, and
torch has no setting that avoids it (NVIDIA H200, 2026-11-27). Its largest tile has 13x13 pixels. With
that many bits added, one that rounds to bfloat16, 6.6, is still no float32."""
MIN_TEN_BITS, MAX_TEN_BITS = 7.8, 12.0
"""What ten bits come to. Rounded operands give 10.0, cut-off ones 8.6."""
MIN_SEVEN_BITS = 4.8
"""What seven bits come to at least, below MIN_TEN_BITS: rounded operands and results give 6.7, cut-off
operands 5.6."""
MIN_FLOAT16_BITS = 4.0
"""What float16 comes to at least. A sum of 4,096 products that is kept in float16 has 4.8."""

# Results.
MIN_IMAGES_TO_LEARN = 20_000
"""Training images from which on a run is checked for having learnt: `scratch` at 64 px passes 30 %
of the validation images after 15,360 in one framework and 17,280 in the other (seed 0)."""
CHANCE_SIGMAS = 4.0
"""How many standard errors over chance an accuracy must lie then. By chance 1 in 30,000 does."""
SAMPLE_SIGMAS, MAX_ACCURACY_DIFFERENCE = 5.0, 0.02
"""How far validation and test accuracy of the same weights may be apart: standard errors of their
difference, and a share besides, since the epoch was chosen by the validation images. Seen: 0.016 at
most, where 0.09 to 0.14 are allowed (eight cells of `quick`, AMD EPYC, 2026-11-24)."""
MAX_PIPELINE_RATIO = 1.2
"""How many times faster an epoch may be than its steps on a batch that lies on the device. Seen: 1.07
at most (the same eight cells). Half of the batches left out gave 1.81."""
MAX_ROOFLINE_RATIO = 2.0
"""How many times the device's matrix-product rate training may reach. Above 1, since Winograd
convolutions need fewer FLOPs than are counted, and the rate may have been measured in a bad moment."""
MAX_ROOFLINE_SHARE = 10.0
"""How many times that rate, or the roofline, no run reaches, whatever else the computer did. Seen: 2.6,
where other programs kept both cores busy (AMD EPYC, 2026-11-26)."""
MIN_RATE_STEPS, MAX_RATE_STEPS = 5, 100
"""How many bare steps one try at timing them takes."""
MAX_CLOCK_ERROR = 0.01
"""How far an epoch's clock and the time of day may part, as a share."""
MIN_CLOCK_SECONDS = 2.0
"""Epochs shorter than this cannot tell: when a process is kept waiting between its two readings, that
takes milliseconds, or some tens of them on a busy computer, and 1 % of 2 s are 20."""
MIN_POOLED_CLOCK_SECONDS = 10.0
"""How long shorter epochs must be together: no median shields them from a time of day that is set."""
MIN_PART_SECONDS = 10.0
"""How long a part of an epoch must take to be compared with longer ones. The profile `speed` makes parts
of 25 s for its fastest engine, by a trial; `--steps` asks for any."""
MAX_PICTURES = 16
"""The number of sample test images in a result."""

# Energy.
MIN_ENERGY_SECONDS = 20.0
"""The shortest epoch whose energy is measured. An M5 Max published its counters every 2.2 s, so that
20 s are off by a tenth at most."""

# What else ran.
MAX_TAKEN_CPU_SHARE = 0.01
"""The share of all processors' time that others may take in an epoch on the CPU. An epoch was 2 % longer
where they took 1.2 % in torch and 1.3 % in TensorFlow (`python -m bench.interference`); while nothing
competed they took 0.0 to 0.5 % (AMD EPYC, 2 cores, 2026-11-26)."""
CPU_SLACK_SECONDS = 0.05
"""Five ticks of the system's counters. In epochs of 1 s that had both processors to themselves, others
seemed to take up to 0.034 s (AMD EPYC, 2026-11-26)."""
MIN_FREE_CPUS, MAX_TAKEN_BESIDE_GPU = 2.0, 0.1
"""On a GPU, how many logical processors others must leave free: one feeds it, one is the parent's. With
no more than two, the share of them that may be taken: drivers and interrupts count as others."""
MAX_GPU_SHARE = 0.1
"""How busy others may keep the GPU. What draws the screen takes a few percent. Not seen on a Mac."""
MAX_SECONDS_APART = 5.0
"""How much longer an epoch may be by the time of day before the computer is taken to have slept."""
MAX_SLOW_SHARE = 0.1
"""How much longer than the median an epoch may take before a run says so."""
MIN_DRIFT_EPOCHS = 6
"""Epochs from which on the first third is compared with the last."""

# Memory and power that can be.
BYTES_PER_PARAMETER, BYTES_PER_MOVING_PARAMETER = 4, 8
"""float32 weights, and with their velocities. Figures in kB instead of bytes are far below it."""
MIN_RESIDENT_SHARE = 0.5
"""How much of the memory that a process had before data and network must still be in its peak where
Linux counts resident pages: it takes a library's pages from a process, and swaps others out."""
MIN_WATTS, MAX_WATTS = 0.5, 2000.0
"""What CPU and GPU of a computer that trains can draw on average. An M1 draws a few watts, the largest
server GPUs 1,000. Joules that are a thousand times off are outside of it, but for a GPU of over 500 W
whose joules are a thousand times too few."""

# Times of day that can be.
EARLIEST_TIME = datetime(2020, 1, 1, tzinfo=UTC)
"""Before it there was none of the frameworks' versions that this suite runs with: a clock was wrong."""
MAX_CLOCK_AHEAD = timedelta(days=31)
"""How far a file's time may be ahead of the reader's clock: clocks go wrong by hours and days, and hours
of good timings are worth more than a date."""
MIN_PEAK_SHARE = 0.01
"""Of the bytes of a network's parameters. A smaller peak is another unit or nonsense, whatever a system
counts."""

# Warnings.
MAX_DRIFT = 0.05
"""The share by which a run, or the reference kernel, may end slower than it began."""
MAX_SWAPPED_BYTES = 100e6
"""Fewer bytes than this are swapped in on any idle computer."""
