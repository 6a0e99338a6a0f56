"""The batches of one epoch on the device: the next chunk is made while the device works on this one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from time import perf_counter
from typing import Any

from alexnet import data
from alexnet.data import Images, Labels, Split
from alexnet.frameworks.protocol import Trainer

CHUNKS = 16
"""An epoch's chunks at most. Before the first step one chunk is made, 1/16 of the input work; two lie on
the device at a time, 18 MB of 45,000 images."""


@dataclass(kw_only=True)
class Feed:
    """The first `steps` batches of one epoch, as parts of chunks that lie on the device.

    `seconds` is how long the loop submitted no step because it waited for a chunk or put it on the
    device. The device waited no longer for its data: it may have had steps left to do.
    """

    trainer: Trainer
    train: Split
    steps: int
    batch_size: int
    seed: int
    epoch: int
    augment: bool
    seconds: float = field(default=0.0, init=False)

    def __iter__(self) -> Iterator[tuple[Any, Images, Labels]]:
        """Each step's batch for the trainer, and the same on the host, uint8 and int32.

        A thread makes a chunk. The thread that trains puts it on the device, as soon as it is made:
        frameworks for Apple's GPU take no work from two threads at once.
        """
        chunks = islice(
            data.epoch_chunks(
                self.train,
                chunk_size=self.chunk_steps * self.batch_size,
                seed=self.seed,
                epoch=self.epoch,
                augment=self.augment,
            ),
            math.ceil(self.steps / self.chunk_steps),
        )
        left = self.steps
        with ThreadPoolExecutor(1) as thread:
            chunk = self._put(thread.submit(next, chunks, None))
            while chunk:
                following, coming = None, thread.submit(next, chunks, None)
                images, labels, on_device = chunk
                for step in range(min(self.chunk_steps, left)):
                    if not following and coming.done():
                        following = self._put(coming)
                    start, end = step * self.batch_size, (step + 1) * self.batch_size
                    part = self.trainer.part(on_device, start, self.batch_size)
                    yield part, images[start:end], labels[start:end]
                left -= self.chunk_steps
                chunk = following or self._put(coming)

    @property
    def chunk_steps(self) -> int:
        """The steps of a chunk: a 16th of the epoch's, rounded up, and two at least.

        So every step takes a part of a chunk, which the gate's steps do too.
        """
        return max(math.ceil(self.steps / CHUNKS), 2)

    def _put(self, coming: Future[tuple[Images, Labels] | None]) -> tuple[Images, Labels, Any] | None:
        """Waits for a chunk and puts it on the device; None if there is no other."""
        began = perf_counter()
        chunk = coming.result()
        on_device = chunk and self.trainer.to_device(*chunk)
        self.seconds += perf_counter() - began
        return chunk and (*chunk, on_device)
