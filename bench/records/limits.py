"""The limits that hold for every network: what a check allows, and from where on a run is warned of."""

from __future__ import annotations

MAX_PICTURES = 16


WINDOW_SECONDS = 20.0
"""No shorter window is read: on an M5 Max counters were seen to be published every 2.2 s, so that 20 s
are off by a tenth at most."""


LEAST_RATIO, MOST_RATIO = 1.6, 2.5
"""Where twice the work must lie. A clock that does not wait times the calls and finds 1. Seen where
it waits: 1.98 to 2.02 on an idle computer."""


MOST_LEFT = 0.1


MOST_IN_FLOAT64 = 1e-9
"""Seen: 1e-14. Float64 rounds at 1e-16: what is more is another network, not another order."""


ASKED_FROM_IMAGES = 20_000
"""Seen fewer, a run need not have left chance behind: `scratch` at 64 px passes 30 % after 18,000."""


PLACEMENT_UNKNOWN = "where a training step runs"


MOST_DRIFT = 0.05


MOST_SWAPPED_BYTES = 100e6
"""Less than this many bytes come back from the disk on any idle computer."""
