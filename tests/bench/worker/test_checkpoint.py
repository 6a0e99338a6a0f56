"""Checkpoints are loaded only whole and only by their own run, and are rare enough to cost little."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from msgspec.structs import replace

from alexnet import spec
from alexnet import weights as canonical
from alexnet.recipe import SCRATCH
from alexnet.spec import Network, network
from bench.ipc.cell_files import remove_checkpoint
from bench.records.early_stopping import EarlyStopping
from bench.records.types import Epoch
from bench.worker import checkpoint
from bench.worker.checkpoint import Checkpoints, UnusableCheckpoint
from tests.support import toy_worker
from tests.support.samples import EPOCH, START, job

FIRST_EPOCHS = [replace(EPOCH, epoch=n, validation_loss=2.5 - n / 10) for n in (1, 2)]


@pytest.fixture
def net(monkeypatch: pytest.MonkeyPatch) -> Network:
    """A network of toy size, since these tests damage its files byte by byte."""
    monkeypatch.setitem(spec.VARIANTS, "standard", toy_worker.TOY)
    return network("standard", image_size=64)


def trainer(net: Network, seed: int = 0) -> Any:
    return toy_worker.ToyTrainer(net, canonical.initialise(net, seed=seed), SCRATCH, seed=seed)


def trained(net: Network) -> Any:
    """A trainer whose momentum and random stream have moved."""
    moved = trainer(net)
    images = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), np.uint8)
    moved.step(moved.to_device(images, np.arange(8, dtype=np.int32)), 0.1)
    return moved


def checkpoints_in(folder: Path, net: Network, **changes: Any) -> Checkpoints:
    return Checkpoints(job=replace(job(str(folder)), **changes), net=net, start=START)


def stopping() -> EarlyStopping:
    return EarlyStopping(recipe=SCRATCH, classes=10, best_epoch=2, best_loss=0.1 + 0.2)


def saved(folder: Path, net: Network) -> Checkpoints:
    """A checkpoint after the third epoch of a run whose second was the best."""
    files, trainer = checkpoints_in(folder, net), trained(net)
    files.save_best(trainer, 2)
    files.save(trainer, three_epochs(), stopping(), seconds=12.5)
    return files


def three_epochs() -> list[Epoch]:
    return [*FIRST_EPOCHS, replace(EPOCH, epoch=3, checkpoint_seconds=0.5)]


def test_what_comes_back_is_what_was_there(tmp_path: Path, net: Network) -> None:
    saved(tmp_path, net)
    loaded, original = checkpoints_in(tmp_path, net).load(three_epochs()), trained(net)
    assert (loaded.epoch, loaded.best_epoch, loaded.best_loss, loaded.seconds) == (3, 2, 0.1 + 0.2, 12.5)
    for before, after in (
        (original.weights(), loaded.weights),
        (original.momentum(), loaded.momentum),
        (original.random_state(), loaded.random_state),
    ):
        assert set(before) == set(after)
        for name, array in before.items():
            assert array.dtype == after[name].dtype
            assert np.array_equal(array, after[name]), name
    best = checkpoints_in(tmp_path, net).load_best(2)
    assert canonical.fingerprint(best) == canonical.fingerprint(original.weights())


def test_a_trainer_that_goes_on_takes_the_same_steps(tmp_path: Path, net: Network) -> None:
    saved(tmp_path, net)
    loaded, original = checkpoints_in(tmp_path, net).load(three_epochs()), trained(net)
    resumed = trainer(net, seed=9)
    resumed.resume(loaded.weights, loaded.momentum, loaded.random_state)
    images = np.random.default_rng(1).integers(0, 256, (8, 32, 32, 3), np.uint8)
    for _ in range(3):
        for twin in (original, resumed):
            twin.step(twin.to_device(images, np.arange(8, dtype=np.int32)), 0.1)
    assert canonical.fingerprint(original.weights()) == canonical.fingerprint(resumed.weights())


def test_one_cut_anywhere_or_with_a_bit_flipped_is_never_believed(tmp_path: Path, net: Network) -> None:
    files = saved(tmp_path, net)
    rng = random.Random(0)
    for file in (files.file, files.best_file(2)):
        whole = file.read_bytes()
        for _ in range(60):
            at = rng.randrange(len(whole))
            flipped = bytearray(whole)
            flipped[at] ^= 1 << rng.randrange(8)
            for damaged in (whole[:at], bytes(flipped)):
                file.write_bytes(damaged)
                with pytest.raises(UnusableCheckpoint):
                    checkpoints_in(tmp_path, net).load(three_epochs())
        file.write_bytes(whole)
    assert checkpoints_in(tmp_path, net).load(three_epochs()).epoch == 3


def test_another_runs_checkpoint_is_refused_by_name(tmp_path: Path, net: Network) -> None:
    files = saved(tmp_path, net)
    plan = replace(files.job.plan, epochs=99)
    with pytest.raises(UnusableCheckpoint, match="the checkpoint is of another plan"):
        checkpoints_in(tmp_path, net, plan=plan).load(three_epochs())
    again = checkpoints_in(tmp_path, net, cell=replace(files.job.cell, repeat=1))
    assert again.file != files.file, "a repeat has its own checkpoint"
    with pytest.raises(UnusableCheckpoint, match="no checkpoint had been taken yet"):
        again.load(three_epochs())
    files.file.rename(again.file)
    with pytest.raises(UnusableCheckpoint, match="the checkpoint is of another cell"):
        again.load(three_epochs())
    again.file.rename(files.file)
    for field, words in (("data_sha256", "data sha256"), ("weights_sha256", "first weights sha256")):
        other = replace(START, **{field: "9" * 64})
        with pytest.raises(UnusableCheckpoint, match=f"of another {words}"):
            Checkpoints(job=files.job, net=net, start=other).load(three_epochs())


def test_epochs_that_are_not_its_own_are_refused(tmp_path: Path, net: Network) -> None:
    saved(tmp_path, net)
    other = replace(EPOCH, epoch=3, train_loss=1.0)
    for epochs in (
        three_epochs()[:2],
        [*FIRST_EPOCHS, other],
        [replace(FIRST_EPOCHS[0], train_loss=1.0), *three_epochs()[1:]],
    ):
        with pytest.raises(
            UnusableCheckpoint, match="of epoch 3, and the epochs on disk are of another run"
        ):
            checkpoints_in(tmp_path, net).load(epochs)


def test_none_taken_yet_is_said(tmp_path: Path, net: Network) -> None:
    with pytest.raises(UnusableCheckpoint, match="no checkpoint had been taken yet"):
        checkpoints_in(tmp_path, net).load([])


def test_the_best_weights_of_the_checkpoint_stay_until_the_next_one(
    tmp_path: Path, net: Network
) -> None:
    """Otherwise the checkpoint would name best weights that are gone."""
    files, trainer = saved(tmp_path, net), trained(net)
    four = [*three_epochs(), replace(EPOCH, epoch=4)]
    files.save_best(trainer, 4)
    assert files.best_file(2).exists()
    assert checkpoints_in(tmp_path, net).load(three_epochs()).best_epoch == 2
    later = EarlyStopping(recipe=SCRATCH, classes=10, best_epoch=4, best_loss=0.2)
    files.save(trainer, four, later, seconds=20.0)
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "scratch-torch-cpu-s0.best-0004.safetensors",
        "scratch-torch-cpu-s0.checkpoint.safetensors",
    ]
    remove_checkpoint(tmp_path, "scratch-torch-cpu-s0")
    assert list(tmp_path.iterdir()) == []


def test_one_cells_files_are_not_removed_with_anothers(tmp_path: Path, net: Network) -> None:
    for other in ("scratch-torch-cpu-s01", "scratch-torch-cpu-s0-r1"):
        (tmp_path / f"{other}.checkpoint.safetensors").write_text("another cell's")
    saved(tmp_path, net)
    remove_checkpoint(tmp_path, "scratch-torch-cpu-s0")
    assert len(list(tmp_path.iterdir())) == 2


def test_they_cost_under_two_percent_of_the_training(
    tmp_path: Path, net: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a disk where one takes 1 s: 20 epochs of 10 s each have four, after 50 s each time."""
    ticks = iter(range(10_000))
    monkeypatch.setattr(checkpoint, "perf_counter", lambda: float(next(ticks)))
    files, moved = checkpoints_in(tmp_path, net), trained(net)
    assert not files.is_due(10.0), "before the first weights are written its cost is unknown"
    files.save_best(moved, 1)  # takes 1 s, so a checkpoint is guessed at 3 s
    taken = []
    for epoch in range(1, 41):
        if files.is_due(10.0):
            taken.append(epoch)
            assert files.save(moved, FIRST_EPOCHS, stopping(), seconds=0.0) == 1.0
    assert taken == [14, 19, 24, 29, 34, 39], "150 s for the guess, then 50 s for each second it took"


def test_an_epoch_of_a_minute_has_one_each(tmp_path: Path, net: Network) -> None:
    files = checkpoints_in(tmp_path, net)
    files.save_best(trained(net), 1)
    for _ in range(3):
        assert files.is_due(60.0)
        files.save(trained(net), FIRST_EPOCHS, stopping(), seconds=0.0)


def test_a_folder_that_cannot_be_written_is_said_and_the_one_before_stands(
    tmp_path: Path, net: Network
) -> None:
    files = saved(tmp_path, net)
    (tmp_path / f"{files.file.name}.part").mkdir()
    with pytest.raises(canonical.WeightsError, match="cannot be written"):
        files.save(trained(net), three_epochs(), stopping(), seconds=20.0)
    assert checkpoints_in(tmp_path, net).load(three_epochs()).epoch == 3


def test_what_a_pickle_would_run_is_only_bytes_here(tmp_path: Path, net: Network) -> None:
    files = saved(tmp_path, net)
    files.file.write_bytes(b"cos\nsystem\n(S'touch /tmp/run'\ntR.")
    with pytest.raises(UnusableCheckpoint, match="cannot be read"):
        checkpoints_in(tmp_path, net).load(three_epochs())
    safetensors.numpy.save_file({"x": np.zeros(3, np.float32)}, files.file, metadata={"other": "{}"})
    with pytest.raises(UnusableCheckpoint, match="damaged"):
        checkpoints_in(tmp_path, net).load(three_epochs())
