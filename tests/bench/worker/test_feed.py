"""An epoch's batches on the device: which, in how many chunks, made when, and what was waited for."""

from __future__ import annotations

from collections.abc import Iterator
from time import sleep
from typing import Any, cast

import numpy as np
import pytest

from alexnet import data
from alexnet.data import Images, Labels
from alexnet.frameworks.protocol import Trainer
from bench.worker.feed import CHUNKS, Feed

BATCH = 10


class Shelf:
    """What stands for a trainer: it keeps the chunks that are put on its device."""

    def __init__(self) -> None:
        self.chunks: list[tuple[Images, Labels]] = []

    def to_device(self, images: Images, labels: Labels) -> int:
        self.chunks.append((images.copy(), labels.copy()))
        return len(self.chunks) - 1

    def part(self, chunk: int, start: int, size: int) -> tuple[Images, Labels]:
        images, labels = self.chunks[chunk]
        return images[start : start + size], labels[start : start + size]


def feed_of(shelf: Shelf, steps: int, *, augment: bool = True) -> Feed:
    """A few images are left over."""
    return Feed(
        trainer=cast("Trainer", shelf),
        train=data.synthetic(steps * BATCH + 3, seed=0),
        steps=steps,
        batch_size=BATCH,
        seed=3,
        epoch=2,
        augment=augment,
    )


@pytest.mark.parametrize("augment", [False, True])
@pytest.mark.parametrize(
    ("steps", "chunks"), [(1, 1), (3, 2), (16, 8), (17, 9), (33, 11), (47, 16), (48, 16)]
)
def test_the_batches_are_those_of_the_epoch(steps: int, chunks: int, augment: bool) -> None:
    """In chunks of one size, none of which is made in vain, and without the last short batch."""
    shelf = Shelf()
    feed = feed_of(shelf, steps, augment=augment)
    settings: dict[str, Any] = {"seed": 3, "epoch": 2, "augment": augment}
    expected = list(data.epoch_batches(feed.train, batch_size=BATCH, **settings))
    given = list(feed)
    assert len(given) == len(expected) == steps
    for (part, images, labels), (right_images, right_labels) in zip(given, expected, strict=True):
        for ours in (part, (images, labels)):
            np.testing.assert_array_equal(ours[0], right_images)
            np.testing.assert_array_equal(ours[1], right_labels)
    assert len(shelf.chunks) == chunks <= CHUNKS
    assert {len(labels) for _, labels in shelf.chunks} == {BATCH * max(-(-steps // CHUNKS), 2)}


def test_the_first_steps_of_an_epoch_are_its_first_batches() -> None:
    whole, short = feed_of(Shelf(), 40), feed_of(Shelf(), 40)
    short.steps = 10
    given = list(short)
    assert len(given) == 10
    for (_, images, labels), (_, all_images, all_labels) in zip(given, whole, strict=False):
        np.testing.assert_array_equal(images, all_images)
        np.testing.assert_array_equal(labels, all_labels)


def test_two_chunks_are_on_the_device_and_a_third_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next is put there as soon as it is made, while the device works on this one."""
    made: list[int] = []
    whole = data.epoch_chunks

    def noted(*arguments: Any, **keywords: Any) -> Iterator[Any]:
        for chunk in whole(*arguments, **keywords):
            made.append(len(chunk[1]))
            yield chunk

    monkeypatch.setattr(data, "epoch_chunks", noted)
    shelf = Shelf()
    seen = []
    for step, _ in enumerate(feed_of(shelf, 64)):
        sleep(0.05 if step < 8 else 0)  # a step that takes longer than a chunk
        seen.append((len(shelf.chunks), len(made)))
    assert seen[0] in {(1, 1), (1, 2)}, "the second is under way"
    assert seen[1:4] == [(2, 2)] * 3
    assert seen[5:8] == [(3, 3)] * 3
    assert seen[-1] == (16, 16)


def test_the_seconds_are_those_that_the_loop_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a chunk that takes 50 ms: once if a step takes longer, and each time if steps take nothing."""
    whole = data.epoch_chunks

    def slow(*arguments: Any, **keywords: Any) -> Iterator[Any]:
        for chunk in whole(*arguments, **keywords):
            sleep(0.05)
            yield chunk

    monkeypatch.setattr(data, "epoch_chunks", slow)
    hidden = feed_of(Shelf(), 8)
    for _ in hidden:
        sleep(0.1)
    waiting = feed_of(Shelf(), 8)
    for _ in waiting:
        pass
    assert hidden.seconds >= 0.05, "for the first chunk"
    assert waiting.seconds >= 4 * 0.05
    assert hidden.seconds < waiting.seconds / 2


def test_what_fails_while_a_chunk_is_made_reaches_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any, **keywords: Any) -> Iterator[Any]:
        yield np.zeros((2 * BATCH, 32, 32, 3), np.uint8), np.zeros(2 * BATCH, np.int32)
        raise MemoryError("no memory for a chunk")

    monkeypatch.setattr(data, "epoch_chunks", broken)
    with pytest.raises(MemoryError, match="no memory for a chunk"):
        list(feed_of(Shelf(), 4))
