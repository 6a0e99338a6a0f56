"""The step of TensorFlow's XLA engine with the seeds of its dropouts on another device than the network.

`python -m tests.support.xla_worker` prints JSON: losses with all on one device, with the seeds on
another, and what XLA says of a step that would draw its seeds there itself. Two devices of the CPU stand
for the host and a GPU.
"""

from __future__ import annotations

import json
import sys
from typing import Any
from unittest.mock import patch

from alexnet.frameworks.registry import ENGINES
from alexnet.frameworks.tensorflow import layers, trainer
from alexnet.frameworks.tensorflow.backend import build
from tests.support.framework_worker import images_and_labels
from tests.support.further_worker import BATCH, RATE, made

GPU = "/CPU:1"

tf: Any = sys.modules["tensorflow"]  # as the backend has imported it


def train(steps: int = 3) -> list[float]:
    images, labels = images_and_labels(BATCH)
    ours, losses = made(backend(), dropout=True), []
    for _ in range(steps):
        ours.step(ours.to_device(images, labels), RATE)
        losses.append(ours.pop_metrics()[0])
    assert ours.ops_off_device(ours.to_device(images, labels)) == []
    return losses


def backend() -> Any:
    return build(ENGINES["tensorflow-xla"], "cpu")


def main() -> None:
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    answers: dict[str, Any] = {"one device": train()}
    with patch.object(trainer, "device_string", lambda device: GPU):
        answers["two devices"] = train()
        never_given = property(lambda self: None, lambda self, seed: None)
        drawn_within = patch.object(layers.HostSeededDropout, "given_seed", never_given, create=True)
        try:
            with drawn_within:
                train(1)
            answers["drawn within"] = ""
        except tf.errors.InvalidArgumentError as error:
            answers["drawn within"] = str(error)
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
