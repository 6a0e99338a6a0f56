"""Abacus's row in the registry."""

from __future__ import annotations

from alexnet.frameworks.info import REINSTALL, Engine, FrameworkInfo, Variable

INFO = FrameworkInfo(
    name="abacus",
    label="Abacus",
    engines=(
        Engine(
            name="abacus",
            framework="abacus",
            precision="float32",
            compiler=None,
            label="Abacus",
            light_hue="#2f7d32",
            dark_hue="#7fd483",
            marker="^",
            line=(0, (1.0, 1.5)),
            shape="▲",
        ),
    ),
    packages=("numpy",),
    required=("numpy",),
    pip_extra="abacus",
    variables={"ABACUS_BEADS": Variable(effect="changes how Abacus counts")},
    recorded_prefixes=("ABACUS_",),
    device_fixes={"mps": REINSTALL, "cuda": REINSTALL},
)
