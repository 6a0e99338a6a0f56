"""Planted faults, one for each claim of README and docs, and the tests that must fail with each."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
PAGE = "docs/claims.md"
MAX_SECONDS = 1800.0
"""The time limit of a fault that hangs its test; the slowest ones take five minutes."""
FAILED = re.compile(r"^(?:FAILED|ERROR) (tests/[\w/]+\.py::\w+)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A mistake that breaks one claim: `new` replaces `old`, which must occur once in `file`.

    `claim` is the claim and where it is made, `fault` what the mistake does; each of `tests` must fail.
    """

    name: str
    claim: str
    fault: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


FAULTS: tuple[Fault, ...] = (
    Fault(
        name="parameters",
        claim="One layer table builds both networks, to the last parameter (docs/evidence.md)",
        fault="conv4 of the standard network is as narrow as torchvision's",
        file="alexnet/spec.py",
        old='Conv("conv4", 384, kernel=3, padding=1),',
        new='Conv("conv4", 256, kernel=3, padding=1),',
        tests=("tests/alexnet/test_spec.py::test_parameters_are_the_law",),
    ),
    Fault(
        name="padding",
        claim="Shapes follow from the rows of the table (docs/adding-a-network.md)",
        fault="a convolution's zeros are counted on one side alone",
        file="alexnet/layers.py",
        old="_slide(n + 2 * self.padding, self)",
        new="_slide(n + self.padding, self)",
        tests=("tests/alexnet/test_spec.py::test_shapes_follow_the_paper",),
    ),
    Fault(
        name="he-uniform",
        claim="First weights are He-uniform and the same for both frameworks (docs/results.md)",
        fault="Glorot's spread instead of He's",
        file="alexnet/weights.py",
        old="math.sqrt(6 / math.prod(shape[1:]))",
        new="math.sqrt(3 / math.prod(shape[1:]))",
        tests=("tests/alexnet/test_weights.py::test_they_are_he_uniform_with_zero_biases",),
    ),
    Fault(
        name="same-bits",
        claim="First weights are the same bits on every platform (docs/results.md)",
        fault="they are drawn by numpy's uniform floats, between the same bounds",
        file="alexnet/weights.py",
        old="""    flat = tensor.reshape(-1)
""",
        new="""    bound = float(scale) * 2**24
    return np.random.Generator(stream).uniform(-bound, bound, shape).astype(np.float32)
    flat = tensor.reshape(-1)
""",
        tests=(
            "tests/alexnet/test_weights.py::test_the_bits_of_a_few_weights_are_known",
            "tests/alexnet/test_weights.py::test_they_need_none_of_numpys_float_distributions",
        ),
    ),
    Fault(
        name="layout",
        claim="Every layer agrees from the same weights, moved between layouts (docs/evidence.md)",
        fault="the first Dense is transposed and its inputs are not reordered",
        file="alexnet/weights.py",
        old="conversions[name] = _flattened(shape[0], chw)",
        new="""conversions[name] = Conversion(
                description="transposed", to_framework=lambda a: a.T, to_canonical=lambda a: a.T
            )""",
        tests=(
            "tests/alexnet/test_weights.py::test_the_first_dense_is_reordered_so_that_it_sees_the_same_pixels",
        ),
    ),
    Fault(
        name="imagenet-hash",
        claim="torchvision's weights are its published file, checked by its hash (docs/results.md)",
        fault="a hash that does not fit the file's name is let through",
        file="alexnet/imagenet.py",
        old="if expected and not sha256.startswith(expected[1]):",
        new="if expected and not sha256:",
        tests=(
            "tests/alexnet/test_weights.py::test_a_torchvision_file_with_the_wrong_hash_is_refused_unread",
        ),
    ),
    Fault(
        name="order",
        claim="Order, crop and flip are drawn from (seed, epoch) (docs/architecture.md)",
        fault="every epoch has the order of the first",
        file="alexnet/data.py",
        old="rng = np.random.default_rng([seed, epoch])",
        new="rng = np.random.default_rng([seed, 1])",
        tests=(
            "tests/alexnet/test_data.py::test_order_depends_on_seed_and_epoch_and_not_on_augmentation",
        ),
    ),
    Fault(
        name="augmentation",
        claim="`augmented` trains on random flips, and on crops after padding by 4 pixels (README)",
        fault="no image is ever mirrored",
        file="alexnet/data.py",
        old="flips = rng.random(len(data)) < 0.5",
        new="flips = rng.random(len(data)) < 0.0",
        tests=(
            "tests/alexnet/test_data.py::test_an_augmented_epoch_crops_and_flips_each_image_by_chance",
        ),
    ),
    Fault(
        name="held-out",
        claim="A tenth of every class is held out (docs/architecture.md)",
        fault="the training images are drawn from all of them, the held-out ones too",
        file="alexnet/data.py",
        old='return _first_of_each_class(pool, rest, train_images, "training")[0], validation',
        new='return _first_of_each_class(pool, order, train_images, "training")[0], validation',
        tests=("tests/alexnet/test_data.py::test_no_image_is_in_two_splits",),
    ),
    Fault(
        name="md5",
        claim="The download's md5 is checked (docs/install.md)",
        fault="whatever a server sends is taken",
        file="alexnet/download.py",
        old='known_hash=f"md5:{MD5}",',
        new="known_hash=None,",
        tests=(
            "tests/alexnet/test_download.py::test_a_wrong_file_is_refused_and_the_next_source_is_asked",
        ),
    ),
    Fault(
        name="unpacked",
        claim="Each unpacked file is held against the checked archive (docs/results.md)",
        fault="a file that is there is taken as it is",
        file="alexnet/download.py",
        old="return file.read_bytes() == content",
        new="return bool(file.read_bytes())",
        tests=(
            "tests/alexnet/test_download.py"
            "::test_an_unpacked_file_that_was_changed_or_cut_is_unpacked_again",
        ),
    ),
    Fault(
        name="carried-over",
        claim="torchvision's weights, once carried over, are checked by their hash (docs/results.md)",
        fault="what the cache holds is taken as it is",
        file="alexnet/imagenet.py",
        old="if saved != canonical.fingerprint(weights):",
        new="if not saved:",
        tests=(
            "tests/alexnet/test_weights.py::test_carried_over_weights_are_those_that_were_written",
            "tests/bench/plan/test_prepare.py"
            "::test_converted_weights_are_kept_and_made_again_if_they_are_not_what_they_were",
        ),
    ),
    Fault(
        name="nothing-saved",
        claim="A results folder that cannot be written is refused at the start (docs/resume.md)",
        fault="it is met when the first line is to be written",
        file="bench/session/open.py",
        old="        prepare.check_results_folder(runs.parent)\n",
        new="        pass\n",
        tests=(
            "tests/bench/plan/test_prepare.py"
            "::test_results_that_cannot_be_saved_are_refused_before_anything_runs",
        ),
    ),
    Fault(
        name="continued",
        claim="A broken download is continued (docs/install.md)",
        fault="it is asked for from its beginning each time",
        file="alexnet/download.py",
        old='({"Range": f"bytes={offset}-"} if offset else {})',
        new="({})",
        tests=("tests/alexnet/test_download.py::test_a_broken_connection_is_continued_where_it_broke",),
    ),
    Fault(
        name="pixels",
        claim="Pixels are scaled to [0, 1] (README)",
        fault="white is 255/256",
        file="alexnet/pixels.py",
        old="(images.astype(dtype) / 255 - mean)",
        new="(images.astype(dtype) / 256 - mean)",
        tests=("tests/alexnet/test_pixels.py::test_scratch_takes_pixels_from_nought_to_one",),
    ),
    Fault(
        name="missing-device",
        claim="A device that is asked for and missing is an error, never a fall-back (docs/options.md)",
        fault="the best one that is there is taken instead",
        file="alexnet/frameworks/registry.py",
        old='chosen = usable[0] if device == "auto" else device',
        new="chosen = usable[0] if device not in usable else device",
        tests=("tests/alexnet/test_cli.py::test_a_device_that_is_not_there_is_one_sentence",),
    ),
    Fault(
        name="torch-upsampling",
        claim="Every layer agrees from the same weights, in torch (docs/evidence.md)",
        fault="torch upsamples from corner to corner, TensorFlow between pixel centres",
        file="alexnet/frameworks/torch/preprocess.py",
        old='mode="bilinear", align_corners=False',
        new='mode="bilinear", align_corners=True',
        tests=("tests/alexnet/frameworks/test_parity.py::test_every_layer_agrees",),
    ),
    Fault(
        name="tensorflow-padding",
        claim="Every layer agrees from the same weights, in TensorFlow (docs/evidence.md)",
        fault='a strided convolution is padded unevenly, as Keras pads "same"',
        file="alexnet/frameworks/tensorflow/layers.py",
        old="keras.layers.ZeroPadding2D(padding, ",
        new="keras.layers.ZeroPadding2D(((padding - 1, padding + 1),) * 2, ",
        tests=("tests/alexnet/frameworks/test_parity.py::test_every_layer_agrees",),
    ),
    Fault(
        name="momentum",
        claim="SGD is one algorithm, also when the rate changes (docs/evidence.md)",
        fault="TensorFlow has the rate within the velocity, as Keras has",
        file="alexnet/frameworks/tensorflow/trainer.py",
        old="lr=learning_rate,\n                grad=gradient,",
        new="lr=tf.ones_like(learning_rate),\n                grad=learning_rate * gradient,",
        tests=(
            "tests/alexnet/frameworks/test_parity.py::test_a_hundred_losses_agree_over_a_change_of_rate",
        ),
    ),
    Fault(
        name="head-stage",
        claim="`pretrained` has epochs of the head alone (README)",
        fault="in torch all layers move from the first epoch on",
        file="alexnet/frameworks/torch/trainer.py",
        old='parameter.requires_grad_(train == "all" or name.split(".")[0] == self.net.head)',
        new='parameter.requires_grad_(train == "all" or self.net.head != "")',
        tests=("tests/alexnet/frameworks/test_parity.py::test_the_head_stage_moves_the_head_alone",),
    ),
    Fault(
        name="dropout-off",
        claim="Validation is scored with dropout off (docs/results.md)",
        fault="TensorFlow drops out in evaluation too",
        file="alexnet/frameworks/tensorflow/trainer.py",
        old="self.model(self.preprocess(images), training=False)",
        new="self.model(self.preprocess(images), training=True)",
        tests=(
            "tests/alexnet/frameworks/test_parity.py::test_dropout_is_random_in_training_and_absent_in_evaluation",
        ),
    ),
    Fault(
        name="clock-waits",
        claim="The device is synchronised before the clock stops (README)",
        fault="the clock stops first",
        file="bench/meters/time.py",
        old="self._synchronize()\n        self.seconds = perf_counter() - self._start",
        new="self.seconds = perf_counter() - self._start\n        self._synchronize()",
        tests=(
            "tests/bench/meters/test_meters.py::test_nothing_of_the_others_is_in_the_time",
            "tests/bench/meters/test_meters.py::test_the_time_waits_for_work_before_the_start_and_within",
        ),
    ),
    Fault(
        name="evaluation-outside",
        claim="Validation is scored outside the round (docs/results.md)",
        fault="it is scored before the clock stops",
        file="bench/worker/training_loop.py",
        old="            return self._train(number)\n",
        new="            images = self._train(number)\n"
        "            evaluate(self.trainer, self.dataset.validation, self.recipe.batch_size)\n"
        "            return images\n",
        tests=(
            "tests/bench/worker/test_training_loop.py::test_validation_is_scored_after_the_clock_has_stopped",
        ),
    ),
    Fault(
        name="warm-up",
        claim="A process's first epoch stays out of the statistics (docs/results.md)",
        fault="every epoch is a round",
        file="bench/records/derive.py",
        old="return [epoch for epoch in epochs if not epoch.warm_up] or [epochs[-1]]",
        new="return list(epochs)",
        tests=(
            "tests/bench/records/test_derive.py::test_the_rounds_are_all_epochs_but_each_processs_first",
            "tests/bench/session/test_cell_runner.py::test_the_rounds_of_a_run_that_went_on_are_without_both_warm_ups",
        ),
    ),
    Fault(
        name="median",
        claim="A rate is the median over the epochs that count (docs/results.md)",
        fault="it is the best epoch's",
        file="bench/records/derive.py",
        old="return median(images_per_second(epoch) for epoch in undisturbed_epochs(epochs, device))",
        new="return max(images_per_second(epoch) for epoch in undisturbed_epochs(epochs, device))",
        tests=(
            "tests/bench/records/test_derive.py::test_the_typical_rate_is_the_median_of_the_steady_epochs",
        ),
    ),
    Fault(
        name="disturbed",
        claim="A disturbed epoch is in no rate (docs/results.md)",
        fault="it is in the rates like any other",
        file="bench/records/derive.py",
        old="return _undisturbed(epochs, device) or steady_epochs(epochs)",
        new="return steady",
        tests=(
            "tests/bench/records/test_derive.py::test_a_disturbed_epoch_stays_out_of_rates_drift_and_energy",
        ),
    ),
    Fault(
        name="disturbed-verdict",
        claim="Disturbed epochs carry no verdict (docs/report.md)",
        fault="they count as any other",
        file="reports/study/compare.py",
        old='uncounted = epochs["warm_up"].astype(bool) | epochs["disturbed"].astype(bool)',
        new='uncounted = epochs["warm_up"].astype(bool)',
        tests=(
            "tests/reports/test_disturbed.py::"
            "test_if_all_epochs_were_disturbed_the_rate_is_shown_and_nothing_is_decided",
        ),
    ),
    Fault(
        name="slept",
        claim="A computer that slept in an epoch is told (docs/results.md)",
        fault="sleep is never seen",
        file="bench/records/derive.py",
        old="else max(epoch.wall_seconds - epoch.train_seconds, 0.0)",
        new="else 0.0",
        tests=(
            "tests/bench/records/test_verdict.py::test_sleep_in_an_epoch_that_counts_disturbs_it_too",
        ),
    ),
    Fault(
        name="unlike-precision",
        claim="Engines of unlike precision are compared only with a word (docs/report.md)",
        fault="nothing is said",
        file="reports/chapters/engines/__init__.py",
        old="if all(sides) and sides[0] != sides[1]:",
        new="if all(sides) and sides[0] < sides[1]:",
        tests=(
            "tests/reports/chapters/test_engines.py::"
            "test_engines_of_unlike_precision_are_compared_only_with_a_word",
        ),
    ),
    Fault(
        name="pooled-precision",
        claim="One engine in two precisions is never pooled (docs/report.md)",
        fault="they share a letter",
        file="reports/data/settings.py",
        old="zip(own, images, versions, precisions, strict=True)",
        new="zip(own, images, versions, strict=True)",
        tests=("tests/reports/test_disturbed.py::test_one_engine_in_two_precisions_is_never_pooled",),
    ),
    Fault(
        name="gpu-left-idle",
        claim="The GPU's use by others is read while the worker leaves it idle (docs/results.md)",
        fault="it is read at once",
        file="bench/meters/interference.py",
        old="            sleep(IDLE_SECONDS)\n",
        new="",
        tests=(
            "tests/bench/meters/test_interference.py::test_the_gpu_is_read_before_the_epoch_after_it_was_left_idle",
        ),
    ),
    Fault(
        name="fallen-counter",
        claim="A counter that falls has measured nothing (docs/results.md)",
        fault="it gives a negative time",
        file="bench/meters/interference.py",
        old="or after < before",
        new="or False",
        tests=("tests/bench/meters/test_interference.py::test_what_goes_backwards_is_none",),
    ),
    Fault(
        name="time-of-day",
        claim="The time of day is read beside the clock (docs/results.md)",
        fault="the device is waited for in between",
        file="bench/meters/time.py",
        old="        self._synchronize()\n        self._wall_start = time()",
        new="        self._wall_start = time()\n        self._synchronize()",
        tests=(
            "tests/bench/meters/test_meters.py::test_the_time_of_day_is_read_right_beside_the_clock",
        ),
    ),
    Fault(
        name="precision-promise",
        claim="An engine that promises more than it gives is invalid (docs/gate.md)",
        fault="any precision will do",
        file="bench/gate/precision.py",
        old="lower=MIN_BITS[promised],",
        new="lower=0.0,",
        tests=("tests/bench/gate/test_precision.py::test_a_promise_of_float32_is_broken",),
    ),
    Fault(
        name="precision-range",
        claim="Numbers of 2^-20 and 2^20 come through or are named (docs/gate.md)",
        fault="float16 keeps what is asked",
        file="bench/gate/precision.py",
        old="math.ldexp(129 / 128, power)",
        new="math.ldexp(1.0, power)",
        tests=(
            "tests/bench/gate/test_precision.py::test_float16_loses_small_and_large_numbers_and_bfloat16_neither",
        ),
    ),
    Fault(
        name="precision-least",
        claim="The least exact operation decides (docs/gate.md)",
        fault="the most exact does",
        file="bench/records/precision.py",
        old="return min(bits.items()",
        new="return max(bits.items()",
        tests=("tests/bench/records/test_precision.py::test_the_least_exact_operation_decides",),
    ),
    Fault(
        name="precision-word",
        claim="The word for a precision follows from what was measured (docs/gate.md)",
        fault="bench.check does not derive it again",
        file="bench/check/precision.py",
        old='yield from mismatch("gate.precision", gate.precision, precision_word(arithmetic))',
        new="yield from ()",
        tests=("tests/bench/check/test_precision.py::test_an_edit_is_named_even_with_a_new_checksum",),
    ),
    Fault(
        name="peak",
        claim="Peak memory is the most within the training epoch (docs/comparing.md)",
        fault="the high-water mark is not reset, and is the process's",
        file="bench/meters/memory.py",
        old="        self._source.reset()\n",
        new="",
        tests=(
            "tests/bench/meters/test_meters.py::test_host_memory_is_reset_before_and_read_after",
            "tests/bench/meters/test_meters.py::test_the_time_meter_is_entered_last_and_left_first",
        ),
    ),
    Fault(
        name="energy-window",
        claim="Epochs under 20 s have no energy (docs/comparing.md)",
        fault="two seconds are enough",
        file="bench/records/limits.py",
        old="MIN_ENERGY_SECONDS = 20.0",
        new="MIN_ENERGY_SECONDS = 2.0",
        tests=(
            "tests/bench/meters/test_energy.py::test_too_short_a_window_gives_nothing",
            "tests/bench/meters/test_meters.py::test_energy_of_an_epoch_under_twenty_seconds_is_none",
        ),
    ),
    Fault(
        name="imports-before-memory",
        claim="A run's memory is counted from after its framework's imports (docs/comparing.md)",
        fault="torch imports what its first optimizer needs when training begins",
        file="alexnet/frameworks/torch/backend.py",
        old='        importlib.import_module("torch._dynamo")\n',
        new="",
        tests=("tests/alexnet/frameworks/test_imports.py::test_training_imports_nothing_more",),
    ),
    Fault(
        name="patience",
        claim="Early stopping watches the validation loss (README)",
        fault="it has an epoch of patience too many",
        file="bench/records/early_stopping.py",
        old=">= self.recipe.patience:",
        new="> self.recipe.patience:",
        tests=(
            "tests/bench/records/test_early_stopping.py::test_patience_runs_out_so_many_epochs_after_the_best",
        ),
    ),
    Fault(
        name="best-weights",
        claim="The test accuracy is that of the best validation epoch's weights (README)",
        fault="the last epoch's weights are tested",
        file="bench/worker/result.py",
        old="    training.trainer.load(best)\n",
        new="",
        tests=(
            "tests/bench/worker/test_training_loop.py::test_it_stops_when_patience_is_out_and_says_where_it_converged",
        ),
    ),
    Fault(
        name="diverged",
        claim="A loss that is not finite ends the cell as invalid (docs/resume.md)",
        fault="only a validation loss that is not finite does",
        file="bench/records/early_stopping.py",
        old="if train_loss is None or validation_loss is None:\n            return True",
        new="if validation_loss is None:\n            return True\n        if train_loss is None:\n"
        "            return False",
        tests=(
            "tests/bench/records/test_early_stopping.py::test_a_loss_that_is_no_number_ends_the_run_at_once",
        ),
    ),
    Fault(
        name="torch-momentum",
        claim="An interrupted run goes on as if it had not been, in torch (docs/evidence.md)",
        fault="momentum begins anew at zero",
        file="alexnet/frameworks/torch/trainer.py",
        old="torch.empty_like(parameter).copy_(torch.from_numpy(momentum[name]))",
        new="torch.zeros_like(parameter)",
        tests=(
            "tests/bench/session/test_resume_exact.py"
            "::test_a_run_interrupted_after_every_epoch_equals_one_never_interrupted",
        ),
    ),
    Fault(
        name="tensorflow-masks",
        claim="An interrupted run goes on as if it had not been, in TensorFlow (docs/evidence.md)",
        fault="the random stream of the dropout masks begins anew",
        file="alexnet/frameworks/tensorflow/trainer.py",
        old="seed.assign(random_state[name])",
        new="seed.assign(seed)",
        tests=(
            "tests/bench/session/test_resume_exact.py"
            "::test_a_run_interrupted_after_every_epoch_equals_one_never_interrupted",
        ),
    ),
    Fault(
        name="checkpoint-hash",
        claim="A damaged checkpoint makes the cell begin anew (docs/resume.md)",
        fault="its hash is not compared",
        file="bench/worker/checkpoint.py",
        old='if metadata.get("sha256") != _sha256(arrays, text):',
        new='if metadata.get("sha256") is None:',
        tests=(
            "tests/bench/worker/test_checkpoint.py::test_one_cut_anywhere_or_with_a_bit_flipped_is_never_believed",
        ),
    ),
    Fault(
        name="checkpoint-cost",
        claim="A checkpoint costs under 2 % of the training since the last one (docs/resume.md)",
        fault="it may cost 20 %",
        file="bench/worker/checkpoint.py",
        old="SHARE = 0.02",
        new="SHARE = 0.2",
        tests=(
            "tests/bench/worker/test_checkpoint.py::test_they_cost_under_two_percent_of_the_training",
        ),
    ),
    Fault(
        name="journal-checksum",
        claim="A torn or damaged line is passed over and named (docs/resume.md)",
        fault="a line's checksum is not compared",
        file="bench/records/journal.py",
        old='if fields["crc32"] != _crc32(fields):',
        new='if not fields["crc32"]:',
        tests=("tests/bench/records/test_journal.py::test_no_flipped_bit_makes_another_record_of_one",),
    ),
    Fault(
        name="journal-sync",
        claim="Each record is on the disk itself (docs/resume.md)",
        fault="it is left in the system's memory",
        file="bench/records/journal.py",
        old="            sync(descriptor)\n",
        new="",
        tests=(
            "tests/bench/records/test_journal.py"
            "::test_who_returns_from_add_has_the_line_on_disk_and_a_new_file_its_name",
        ),
    ),
    Fault(
        name="worker-waits",
        claim="A record is on disk before the worker goes on to its next epoch (docs/resume.md)",
        fault="the worker waits for no answer",
        file="bench/ipc/child.py",
        old="        if not isinstance(record, Heartbeat):\n            self._lines.get()",
        new="",
        tests=(
            "tests/bench/ipc/test_child.py::test_a_record_counts_as_sent_once_the_parent_has_it_on_disk",
        ),
    ),
    Fault(
        name="saved-first",
        claim="The parent answers a record once it is on disk (docs/resume.md)",
        fault="it answers first and keeps it then",
        file="bench/ipc/parent.py",
        old="            yield record\n            if not isinstance(record, Heartbeat):\n"
        "                child.write(ACK)\n",
        new="            if not isinstance(record, Heartbeat):\n                child.write(ACK)\n"
        "            yield record\n",
        tests=(
            "tests/bench/session/test_cell_runner.py::test_every_record_but_a_heartbeat_is_acknowledged_once_it_is_on_disk",
        ),
    ),
    Fault(
        name="orphan",
        claim="A worker whose session was killed leaves within seconds (docs/resume.md)",
        fault="it trains on for nobody",
        file="bench/ipc/child.py",
        old="        self._exit_process(ORPHANED)\n",
        new="",
        tests=("tests/bench/ipc/test_child.py::test_no_worker_outlives_a_parent_that_was_killed",),
    ),
    Fault(
        name="one-retry",
        claim="A worker that dies is tried once more (docs/resume.md)",
        fault="it is tried twice more",
        file="bench/session/cell_runner.py",
        old="MAX_ATTEMPTS = 2",
        new="MAX_ATTEMPTS = 3",
        tests=("tests/bench/session/test_cell_runner.py::test_a_worker_that_dies_twice_has_failed",),
    ),
    Fault(
        name="two-sessions",
        claim="A second session at once is refused and names the first (docs/resume.md)",
        fault="both share the lock",
        file="bench/host/lock.py",
        old="fcntl.LOCK_EX | fcntl.LOCK_NB",
        new="fcntl.LOCK_SH | fcntl.LOCK_NB",
        tests=(
            "tests/bench/host/test_lock.py::test_a_second_session_is_refused_with_who_holds_it_since_when_and_what_for",
        ),
    ),
    Fault(
        name="ctrl-c",
        claim="Ctrl-C once lets the epoch end (docs/resume.md)",
        fault="the worker is not told, and trains on to the end",
        file="bench/session/interrupts.py",
        old="            self._stop()\n            self._announcement_pending = True\n",
        new="            self._announcement_pending = True\n",
        tests=(
            "tests/bench/session/test_interrupts.py::test_while_an_epoch_is_trained_the_first_signal_lets_it_end",
        ),
    ),
    Fault(
        name="differences-refused",
        claim="What differs from the session's beginning is refused, field by field (docs/resume.md)",
        fault="it goes on whether or not anybody accepts it",
        file="bench/session/resume.py",
        old="if differences and not anyway:",
        new="if differences and anyway is None:",
        tests=(
            "tests/bench/session/test_resume.py::test_what_differs_is_refused_field_by_field_or_accepted_and_said",
            "tests/bench/session/test_resume.py"
            "::test_other_options_are_refused_and_the_first_ones_need_not_be_said_again",
        ),
    ),
    Fault(
        name="whole-file",
        claim="The result file is written under another name and renamed (docs/resume.md)",
        fault="it is written in place, where a full disk leaves half of it",
        file="bench/plugin/pytest_benchmark.py",
        old="    with durable.replacing(file) as partial:\n"
        '        partial.write_text(text, encoding="ascii")\n',
        new='    file.write_text(text, encoding="ascii")\n',
        tests=(
            "tests/bench/plugin/test_pytest_benchmark.py::test_a_full_disk_leaves_the_earlier_file_and_nothing_besides",
        ),
    ),
    Fault(
        name="gate-counts",
        claim="What fails in the gate makes the run invalid (docs/gate.md)",
        fault="the verdict passes over the gate's checks",
        file="bench/records/verdict.py",
        old="    yield from _failed_checks(gate.checks)\n",
        new="",
        tests=("tests/bench/records/test_verdict.py::test_one_reason_makes_a_run_invalid_and_says_why",),
    ),
    Fault(
        name="reference",
        claim="Every engine computes the network of the layer table (docs/evidence.md)",
        fault="the reference's ReLU lets no gradient through where its output is small",
        file="alexnet/reference.py",
        old="gradient = gradient * (output > 0)",
        new="gradient = gradient * (output > 1e-3)",
        tests=(
            "tests/alexnet/test_reference.py::test_the_gradient_is_that_of_small_differences",
            "tests/alexnet/frameworks/test_parity.py::test_torch_in_float64_is_the_reference",
        ),
    ),
    Fault(
        name="one-reference",
        claim="All engines of an experiment are held against one reference (docs/gate.md)",
        fault="each gate computes its own",
        file="bench/gate/reference.py",
        old="        return load(folder)\n",
        new="        pass\n",
        tests=(
            "tests/bench/gate/test_reference.py::test_the_second_gate_takes_what_the_first_has_left",
        ),
    ),
    Fault(
        name="images-counted",
        claim="The images of an epoch are counted, not assumed (docs/gate.md)",
        fault="they are what the recipe has, whatever was trained on",
        file="bench/worker/training_loop.py",
        old="            trained += len(labels)\n",
        new="            trained = steps * recipe.batch_size\n",
        tests=("tests/bench/worker/test_training_loop.py::test_an_epoch_of_half_its_batches_is_named",),
    ),
    Fault(
        name="later-logits",
        claim="An evaluation that keeps the first weights is seen (docs/gate.md)",
        fault="the logits after three steps are those before them",
        file="bench/gate/outputs.py",
        old="later_logits=trainer.logits(batch.images),",
        new="later_logits=logits,",
        tests=("tests/bench/gate/test_gate.py::test_a_planted_fault_is_named",),
    ),
    Fault(
        name="dropout-rate",
        claim="Dropout of another rate is seen (docs/gate.md)",
        fault="the share of dropped inputs may be off by any amount",
        file="bench/records/limits.py",
        old="MAX_DROPOUT_SIGMAS = 5.0",
        new="MAX_DROPOUT_SIGMAS = 500.0",
        tests=("tests/bench/gate/test_gate.py::test_a_planted_fault_is_named",),
    ),
    Fault(
        name="gate-of-repeats",
        claim="All repeats of a cell share its gate (docs/gate.md)",
        fault="each repeat has a gate of its own",
        file="bench/records/types.py",
        old="return msgspec.structs.replace(self, repeat=0)",
        new="return self",
        tests=(
            "tests/bench/gate/test_ask.py::test_one_gate_process_is_enough_for_all_repeats_of_a_cell",
        ),
    ),
    Fault(
        name="dead-gate",
        claim="A gate without an answer makes its cell invalid (docs/resume.md)",
        fault="it counts as one that found nothing",
        file="bench/gate/ask.py",
        old='name="gate",\n        measured=None,',
        new='name="gate",\n        measured=0,',
        tests=(
            "tests/bench/session/test_session.py::test_a_gate_that_dies_makes_the_run_invalid_and_says_so",
        ),
    ),
    Fault(
        name="gate-layers",
        claim="The gate asks every layer's output, and names the first that is off (docs/gate.md)",
        fault="`layers` compares the CPU with itself",
        file="bench/gate/tolerances.py",
        old='"layers": (device.layers[layer],',
        new='"layers": (float32.layers[layer],',
        tests=(
            "tests/bench/gate/test_tolerances.py::test_each_answer_that_is_off_fails_its_own_check_alone",
        ),
    ),
    Fault(
        name="gate-logits",
        claim="The gate asks the compiled network's logits (docs/gate.md)",
        fault="`logits` compares the CPU with itself",
        file="bench/gate/tolerances.py",
        old='"logits": (device.logits,',
        new='"logits": (float32.logits,',
        tests=(
            "tests/bench/gate/test_tolerances.py::test_each_answer_that_is_off_fails_its_own_check_alone",
        ),
    ),
    Fault(
        name="gate-loss",
        claim="The gate asks the first training loss (docs/gate.md)",
        fault="`loss` compares the CPU with itself",
        file="bench/gate/tolerances.py",
        old='"loss": (device.loss,',
        new='"loss": (float32.loss,',
        tests=(
            "tests/bench/gate/test_tolerances.py::test_each_answer_that_is_off_fails_its_own_check_alone",
        ),
    ),
    Fault(
        name="gate-gradient",
        claim="The gate asks the first step's gradient of every tensor (docs/gate.md)",
        fault="`gradient` compares the CPU with itself",
        file="bench/gate/tolerances.py",
        old="device.gradient[gradient],",
        new="float32.gradient[gradient],",
        tests=(
            "tests/bench/gate/test_tolerances.py::test_each_answer_that_is_off_fails_its_own_check_alone",
        ),
    ),
    Fault(
        name="gate-update",
        claim="The gate asks whether the first step is minus the rate times the gradient (docs/gate.md)",
        fault="`update` compares the CPU with itself",
        file="bench/gate/tolerances.py",
        old="device.update[update],",
        new="float32.update[update],",
        tests=(
            "tests/bench/gate/test_tolerances.py::test_a_first_step_that_is_not_minus_rate_times_gradient_is_named",
        ),
    ),
    Fault(
        name="gate-three-losses",
        claim="The gate asks three steps' losses (docs/gate.md)",
        fault="`three losses` compares the CPU with itself",
        file="bench/gate/tolerances.py",
        old='"three losses": (device.losses,',
        new='"three losses": (float32.losses,',
        tests=(
            "tests/bench/gate/test_tolerances.py::test_each_answer_that_is_off_fails_its_own_check_alone",
        ),
    ),
    Fault(
        name="gate-three-steps",
        claim="The gate asks where three steps take every tensor (docs/gate.md)",
        fault="`three steps` compares the CPU with itself",
        file="bench/gate/tolerances.py",
        old="device.displacement[displacement],",
        new="float32.displacement[displacement],",
        tests=(
            "tests/bench/gate/test_tolerances.py::test_each_answer_that_is_off_fails_its_own_check_alone",
        ),
    ),
    Fault(
        name="gate-own-logits",
        claim="The gate asks the very network that will train (docs/gate.md)",
        fault="`own logits` compares the exact answers with themselves",
        file="bench/gate/tolerances.py",
        old="error = relative_max_error(trainer.logits(batch.images), exact.logits)",
        new="error = relative_max_error(exact.logits, exact.logits)",
        tests=(
            "tests/bench/gate/test_tolerances.py::test_the_cells_own_network_must_answer_as_the_one_without_dropout",
        ),
    ),
    Fault(
        name="gate-later-gradient",
        claim="A loss that is scaled from some step on is seen (docs/gate.md)",
        fault="the gradient of a later step is compared with itself",
        file="bench/gate/training.py",
        old="(later - momentum * earlier, part)",
        new="(part, part)",
        tests=(
            "tests/bench/gate/test_checks.py::test_a_gradient_that_is_another_from_some_step_on_names_its_tensor",
        ),
    ),
    Fault(
        name="gate-later-rate",
        claim="The rate of a later step is held against the protocol (docs/gate.md)",
        fault="it is held against the recipe's own",
        file="bench/gate/training.py",
        old="        before = velocity\n",
        new="        before, rate = velocity, recipe.learning_rate(epoch, steps_per_epoch=1)\n",
        tests=("tests/bench/gate/test_checks.py::test_a_recipe_with_another_rate_is_named",),
    ),
    Fault(
        name="gate-protocol",
        claim="A recipe that is not the protocol's makes the run invalid (docs/gate.md)",
        fault="what differs is named and not counted",
        file="bench/gate/checks.py",
        old="measured=len(differing),",
        new="measured=0,",
        tests=("tests/bench/gate/test_checks.py::test_a_value_that_is_not_the_protocols_is_named",),
    ),
    Fault(
        name="checked-protocol",
        claim="`bench.check` holds learning rates against the protocol (docs/gate.md)",
        fault="it holds them against the recipe that the run was trained with",
        file="bench/records/consistency.py",
        old="PROTOCOLS[run.cell.experiment].learning_rates[stage]",
        new="recipe.stages[stage].learning_rate",
        tests=(
            "tests/bench/check/test_epochs.py::test_a_rate_that_the_recipe_itself_has_wrong_is_named",
        ),
    ),
    Fault(
        name="gate-input",
        claim="Pixels that are prepared wrongly are named before the layers (docs/gate.md)",
        fault="the reference's input is left out of the comparison",
        file="alexnet/reference.py",
        old="return {name: x for name, x, _ in self._outputs(images, training=False)}",
        new="return {n: x for n, x, _ in self._outputs(images, training=False) if n != INPUT}",
        tests=("tests/bench/gate/test_gate.py::test_a_planted_fault_is_named",),
    ),
    Fault(
        name="gate-heartbeats",
        claim="A gate is never silent for longer than one call of a trainer (docs/gate.md)",
        fault="it says nothing between its checks",
        file="bench/gate/outputs.py",
        old="            self._heartbeat()\n",
        new="",
        tests=(
            "tests/bench/gate/test_checks.py"
            "::test_a_gate_is_never_silent_for_longer_than_one_call_of_a_trainer",
        ),
    ),
    Fault(
        name="left-reference",
        claim="What a killed session left of the reference is removed (docs/gate.md)",
        fault="it stays on the disk",
        file="bench/session/session.py",
        old="        remove_references(self.folder)  # left if the earlier session was killed\n",
        new="",
        tests=("tests/bench/session/test_resume.py::test_what_a_killed_session_left_is_removed",),
    ),
    Fault(
        name="gate-dropout",
        claim="The gate asks whether dropout draws each mask anew (docs/gate.md)",
        fault="two equal losses are allowed",
        file="bench/gate/checks.py",
        old="lower=MIN_DROPOUT_DIFFERENCE,",
        new="lower=0.0,",
        tests=("tests/bench/gate/test_gate.py::test_a_planted_fault_is_named",),
    ),
    Fault(
        name="gate-placement",
        claim="The gate asks where each operation of a step runs (docs/gate.md)",
        fault="what runs elsewhere is named and not counted",
        file="bench/gate/checks.py",
        old='name="placement", measured=len(operations),',
        new='name="placement", measured=0,',
        tests=("tests/bench/gate/test_gate.py::test_a_planted_fault_is_named",),
    ),
    Fault(
        name="metal-argmax",
        claim="TensorFlow computes predictions with an argmax that Apple's plugin has (docs/gate.md)",
        fault="it is in int64, which the plugin leaves to the host",
        file="alexnet/frameworks/tensorflow/trainer.py",
        old="tf.argmax(logits, axis=1, output_type=tf.int32)",
        new="tf.argmax(logits, axis=1, output_type=tf.int64)",
        tests=(
            "tests/alexnet/frameworks/test_metal.py"
            "::test_no_step_computes_on_the_host_or_reads_back_on_metal",
        ),
    ),
    Fault(
        name="metal-pixels",
        claim="TensorFlow is sent pixels in a type that Apple's plugin slices and casts (docs/gate.md)",
        fault="they are sent as uint8",
        file="alexnet/frameworks/tensorflow/trainer.py",
        old='np.float16 if device == "mps" else np.uint8',
        new="np.uint8",
        tests=(
            "tests/alexnet/frameworks/test_metal.py"
            "::test_no_step_computes_on_the_host_or_reads_back_on_metal",
        ),
    ),
    Fault(
        name="metal-seed",
        claim="No TensorFlow step reads dropout's seed back from the GPU (docs/gate.md)",
        fault="the seed is kept on the host, and cast on the GPU",
        file="alexnet/frameworks/tensorflow/layers.py",
        old="with tf.device(HOST):\n            # From int64",
        new="with tf.device(None):\n            # From int64",
        tests=(
            "tests/alexnet/frameworks/test_metal.py"
            "::test_no_step_computes_on_the_host_or_reads_back_on_metal",
            "tests/alexnet/frameworks/test_metal.py"
            "::test_no_step_computes_on_the_host_or_reads_back_on_cuda",
        ),
    ),
    Fault(
        name="metal-optimizers",
        claim="TensorFlow's layout optimizer and remapper are off on Apple's GPU (docs/gate.md)",
        fault="only the plugin's own are off",
        file="alexnet/frameworks/tensorflow/backend.py",
        old="dict.fromkeys(_OPTIMIZERS, False)",
        new="dict.fromkeys(_OPTIMIZERS[:1], False)",
        tests=(
            "tests/alexnet/frameworks/test_metal.py::test_what_rewrites_graphs_is_off_on_apples_gpu",
        ),
    ),
    Fault(
        name="gate-twice",
        claim="The gate asks whether twice the work takes twice as long (docs/gate.md)",
        fault="a ratio of 1 is allowed",
        file="bench/records/limits.py",
        old="MIN_WORK_RATIO, MAX_WORK_RATIO = 1.6, 2.5",
        new="MIN_WORK_RATIO, MAX_WORK_RATIO = 0.6, 2.5",
        tests=("tests/bench/gate/test_timing.py::test_a_device_that_answers_late_fails_by_name",),
    ),
    Fault(
        name="gate-left",
        claim="The gate asks whether work is left once the clock has stopped (docs/gate.md)",
        fault="any share is allowed",
        file="bench/records/limits.py",
        old="MAX_SHARE_LEFT = 0.1",
        new="MAX_SHARE_LEFT = 1e9",
        tests=(
            "tests/bench/gate/test_timing.py::test_what_the_clock_did_not_wait_for_is_left",
            "tests/bench/gate/test_timing.py::test_a_device_that_answers_late_fails_by_name",
        ),
    ),
    Fault(
        name="gate-busy",
        claim="A busy machine does not spoil the gate's timing: it is measured again (docs/gate.md)",
        fault="the first share that is left counts",
        file="bench/gate/timing.py",
        old="for _ in range(MAX_TRIES - 1):",
        new="for _ in range(0):",
        tests=(
            "tests/bench/gate/test_timing.py::test_other_programs_do_not_spoil_the_share_that_is_left",
        ),
    ),
    Fault(
        name="same-bytes",
        claim="All gates of an experiment use the same weights and batch (docs/gate.md)",
        fault="the batches are not compared",
        file="bench/gate/checks.py",
        old="        reference.batch_sha256 != batch.fingerprint(),\n",
        new="        False,\n",
        tests=("tests/bench/gate/test_reference.py::test_other_weights_or_another_batch_are_named",),
    ),
    Fault(
        name="disjoint",
        claim="A leaked test image makes the run invalid (docs/gate.md)",
        fault="only validation images are looked for among the training images",
        file="alexnet/data.py",
        old="len((validation | test) & train)",
        new="len(validation & train)",
        tests=("tests/bench/worker/test_training_loop.py::test_a_leaked_test_image_is_named",),
    ),
    Fault(
        name="learnt",
        claim="A run that saw 20,000 images has left chance behind (docs/gate.md)",
        fault="chance itself is enough",
        file="bench/worker/result_checks.py",
        old="lower=plausible.over_chance(test.images),",
        new="lower=2 * plausible.CHANCE - plausible.over_chance(test.images),",
        tests=(
            "tests/bench/worker/test_training_loop.py::test_who_has_seen_enough_and_learnt_nothing_is_named",
        ),
    ),
    Fault(
        name="moved",
        claim="A tensor that training has not moved makes the run invalid (docs/gate.md)",
        fault="it is named and not counted",
        file="bench/worker/result_checks.py",
        old="measured=len(unmoved),",
        new="measured=0,",
        tests=(
            "tests/bench/worker/test_training_loop.py::test_tensors_that_stand_still_and_images_in_two_sets_are_named",
            "tests/bench/worker/test_training_loop.py::test_a_head_that_stands_still_in_its_own_stage_is_named",
        ),
    ),
    Fault(
        name="clock",
        claim="A clock that is 3 % off makes the run invalid (docs/gate.md)",
        fault="an epoch's seconds are held against themselves",
        file="bench/records/plausible.py",
        old="        epoch.train_seconds / epoch.wall_seconds\n",
        new="        epoch.train_seconds / epoch.train_seconds\n",
        tests=(
            "tests/bench/worker/test_training_loop.py::test_a_clock_that_is_off_by_3_percent_is_named",
            "tests/bench/records/test_plausible.py::test_the_clock_is_held_against_the_time_of_day",
        ),
    ),
    Fault(
        name="pipeline",
        claim="An epoch that is faster than its own steps makes the run invalid (docs/gate.md)",
        fault="it may be 2.4 times as fast",
        file="bench/worker/result_checks.py",
        old="upper=MAX_PIPELINE_RATIO,",
        new="upper=2 * MAX_PIPELINE_RATIO,",
        tests=(
            "tests/bench/worker/test_training_loop.py::test_an_epoch_that_is_faster_than_its_steps_is_named",
        ),
    ),
    Fault(
        name="disturbed-steps",
        claim="Steps that others disturbed in every try make no run invalid (docs/gate.md)",
        fault="they are held against the epoch all the same",
        file="bench/worker/result_checks.py",
        old="if run.given is None or run.steps_disturbed:",
        new="if run.given is None:",
        tests=(
            "tests/bench/worker/test_training_loop.py"
            "::test_steps_that_others_disturbed_in_every_try_are_not_held_against_an_epoch",
        ),
    ),
    Fault(
        name="undisturbed-try",
        claim="Of the tries at timing the steps the fastest undisturbed one counts (docs/results.md)",
        fault="the fastest of all counts",
        file="bench/worker/result.py",
        old="key=lambda each: (each.disturbed, each.seconds)",
        new="key=lambda each: each.seconds",
        tests=(
            "tests/bench/worker/test_training_loop.py"
            "::test_a_try_that_others_disturbed_does_not_count_beside_one_that_they_did_not",
        ),
    ),
    Fault(
        name="waived-pipeline",
        claim="The check `pipeline` may be missing only where the steps were disturbed (docs/gate.md)",
        fault="it may always be missing",
        file="bench/check/required_checks.py",
        old="if not steps_were_disturbed(run):",
        new="if False:",
        tests=(
            "tests/bench/check/test_required_checks.py"
            "::test_steps_that_were_disturbed_are_not_asked_for_the_pipeline",
            "tests/bench/check/test_required_checks.py"
            "::test_a_file_before_version_7_cannot_waive_the_pipeline",
        ),
    ),
    Fault(
        name="sets",
        claim="A set of one image too few makes the run invalid (docs/gate.md)",
        fault="only images too many count",
        file="bench/worker/result_checks.py",
        old="measured=sum(abs(sizes[name] - planned[name]) for name in planned),",
        new="measured=sum(max(sizes[name] - planned[name], 0) for name in planned),",
        tests=("tests/bench/worker/test_training_loop.py::test_a_set_of_one_image_too_few_is_named",),
    ),
    Fault(
        name="validation",
        claim="Labels shifted in validation make the run invalid (docs/gate.md)",
        fault="validation accuracy may be anything",
        file="bench/worker/result_checks.py",
        old="            upper=allowed,\n",
        new="            upper=1.0,\n",
        tests=(
            "tests/bench/worker/test_training_loop.py::test_validation_images_with_other_labels_are_named",
            "tests/bench/worker/test_training_loop.py"
            "::test_a_validation_accuracy_that_is_not_the_tests_is_named",
        ),
    ),
    Fault(
        name="same-pixels",
        claim="Images exchanged in a batch make the run invalid (docs/gate.md)",
        fault="the defined batches are compared with themselves",
        file="bench/worker/result_checks.py",
        old="measured=run.given.differing(defined),",
        new="measured=defined.differing(defined),",
        tests=(
            "tests/bench/worker/test_training_loop.py::test_images_exchanged_in_the_last_batch_are_named",
        ),
    ),
    Fault(
        name="same-batches",
        claim="The check holds all engines of a seed to the same bytes (docs/gate.md)",
        fault="it compares the images before they are drawn",
        file="bench/check/across_runs.py",
        old='"result.batches_sha256", reason)',
        new='"result.data_sha256", reason)',
        tests=("tests/bench/check/test_across_runs.py::test_an_edit_is_named_even_with_a_new_checksum",),
    ),
    Fault(
        name="excused",
        claim="Which checks a run need not have depends on the version of its file (docs/results.md)",
        fault="a file of any version can say that its gate was an older one",
        file="bench/check/required_checks.py",
        old="    if file_version > 5:\n        return set()\n",
        new="",
        tests=(
            "tests/bench/check/test_required_checks.py"
            "::test_what_came_later_is_excused_by_the_files_version_and_by_nothing_in_it",
        ),
    ),
    Fault(
        name="plausible-memory",
        claim="A peak that is less than weights and velocities need is named (docs/gate.md)",
        fault="they need nothing",
        file="bench/records/limits.py",
        old="BYTES_PER_PARAMETER, BYTES_PER_MOVING_PARAMETER = 4, 8",
        new="BYTES_PER_PARAMETER, BYTES_PER_MOVING_PARAMETER = 0, 0",
        tests=(
            "tests/bench/records/test_plausible.py"
            "::test_weights_and_velocities_are_in_the_memory_of_their_device",
            "tests/bench/check/test_result.py::test_an_edit_is_named_even_with_a_new_checksum",
        ),
    ),
    Fault(
        name="plausible-power",
        claim="Joules that are a thousand times off are named (docs/gate.md)",
        fault="any power can be",
        file="bench/records/limits.py",
        old="MIN_WATTS, MAX_WATTS = 0.5, 2000.0",
        new="MIN_WATTS, MAX_WATTS = 0.0, 1e30",
        tests=(
            "tests/bench/records/test_plausible.py::test_watts_that_no_computer_draws_are_named",
            "tests/bench/check/test_result.py::test_a_mac_with_its_energy_is_checked_too",
        ),
    ),
    Fault(
        name="one-computer",
        claim="The check names runs in which other processors worked (docs/results.md)",
        fault="their number may be ten times another",
        file="bench/check/across_runs.py",
        old="MAX_PROCESSOR_DIFFERENCE = 0.1",
        new="MAX_PROCESSOR_DIFFERENCE = 10.0",
        tests=(
            "tests/bench/check/test_across_runs.py::test_an_edit_is_named_even_with_a_new_checksum",
            "tests/bench/check/test_across_runs.py"
            "::test_two_computers_in_one_file_are_named_though_each_run_holds",
        ),
    ),
    Fault(
        name="one-run-at-a-time",
        claim="The check names runs at one time (docs/results.md)",
        fault="they may overlap by an hour",
        file="bench/check/across_runs.py",
        old="total_seconds() > MAX_OVERLAP_SECONDS:",
        new="total_seconds() > 3600:",
        tests=(
            "tests/bench/check/test_across_runs.py::test_an_edit_is_named_even_with_a_new_checksum",
            "tests/bench/check/test_across_runs.py::test_another_cell_may_run_while_one_is_paused",
        ),
    ),
    Fault(
        name="checksum",
        claim="A checksum shows edits and damage (docs/results.md)",
        fault="the machine is left out of it",
        file="bench/records/checksum.py",
        old="json.dumps([fields, machine],",
        new="json.dumps([fields],",
        tests=("tests/bench/check/test_integrity.py::test_a_checksum_covers_the_run_and_its_machine",),
    ),
    Fault(
        name="rates-again",
        claim="The check recomputes sums and medians (docs/results.md)",
        fault="images per second are taken as the file has them",
        file="bench/records/consistency.py",
        old='        "epoch_images_per_second": typical,\n',
        new="",
        tests=("tests/bench/check/test_result.py::test_an_edit_is_named_even_with_a_new_checksum",),
    ),
    Fault(
        name="weights-again",
        claim="The check draws the first weights once more (docs/results.md)",
        fault="it draws none, whatever their number",
        file="bench/check/start.py",
        old="MAX_DRAWN_PARAMETERS = 300_000_000",
        new="MAX_DRAWN_PARAMETERS = 300",
        tests=("tests/bench/check/test_start.py::test_an_edit_is_named_even_with_a_new_checksum",),
    ),
    Fault(
        name="generator",
        claim="First weights are checked by the generator of the file's own origin (docs/results.md)",
        fault="they are drawn by today's generator, whatever the file's",
        file="bench/check/start.py",
        old="weights.GENERATORS[origin](net, seed=seed)",
        new="weights.initialise(net, seed=seed)",
        tests=(
            "tests/bench/check/test_start.py"
            "::test_the_hash_must_be_what_the_generator_of_the_files_origin_draws",
        ),
    ),
    Fault(
        name="certificates",
        claim="Downloads need no certificates of Python's own (docs/first-run-on-a-mac.md)",
        fault="OpenSSL's empty store is all that is trusted",
        file="alexnet/imagenet.py",
        old="if ssl.get_default_verify_paths().cafile is None and",
        new="if ssl.get_default_verify_paths().cafile is not None and",
        tests=(
            "tests/alexnet/test_weights.py"
            "::test_a_python_without_certificates_downloads_torchvisions_weights_with_certifis",
        ),
    ),
    Fault(
        name="own-certificates",
        claim=(
            "SSL_CERT_FILE names a company's certificates for both downloads"
            " (docs/first-run-on-a-mac.md)"
        ),
        fault="the download of the images does not read it",
        file="alexnet/download.py",
        old='named = os.environ.get("SSL_CERT_FILE", "")',
        new='named = ""',
        tests=(
            "tests/alexnet/test_download.py"
            "::test_an_untrusted_certificate_is_said_and_the_file_that_the_user_names_is_trusted",
        ),
    ),
    Fault(
        name="cuda-libraries",
        claim="The doctor names packages of CUDA that overwrote each other (docs/cuda.md)",
        fault="packages for two versions of CUDA count as different libraries",
        file="bench/doctor/gpu.py",
        old='packages[name.rpartition("-")[0]].append',
        new="packages[name].append",
        tests=(
            "tests/bench/doctor/test_gpu.py"
            "::test_a_planted_fault_is_found_once_with_its_level_and_its_fix",
        ),
    ),
    Fault(
        name="memory-growth",
        claim="TensorFlow takes an NVIDIA GPU's memory as it needs it (docs/cuda.md)",
        fault="it takes nearly all of it at once",
        file="alexnet/frameworks/tensorflow/backend.py",
        old="tf.config.experimental.set_memory_growth(gpu, True)",
        new="tf.config.experimental.set_memory_growth(gpu, False)",
        tests=(
            "tests/alexnet/frameworks/test_cuda_memory.py"
            "::test_tensorflow_takes_an_nvidia_gpus_memory_as_it_needs_it",
        ),
    ),
    Fault(
        name="gpu-alone",
        claim="The GPU's energy has a column where the processor's was not counted (docs/report.md)",
        fault="it stands beside the whole as well",
        file="reports/chapters/resources/frame.py",
        old='alone = [run for run in runs if missing(run["joules_per_epoch"])]',
        new="alone = runs",
        tests=("tests/reports/chapters/test_resources.py::test_memory_and_energy_of_two_machines",),
    ),
    Fault(
        name="unknown-field",
        claim="A field that a record does not know is refused (docs/results.md)",
        fault="it is passed over",
        file="bench/records/types.py",
        old="class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):",
        new="class Record(msgspec.Struct, frozen=True, kw_only=True):",
        tests=(
            "tests/bench/records/test_codec.py::test_what_is_no_record_says_why",
            "tests/bench/records/test_codec.py::test_a_job_with_other_fields_is_refused",
        ),
    ),
    Fault(
        name="bounds",
        claim="A value out of its bounds is refused (docs/results.md)",
        fault="a share may be larger than 1",
        file="bench/records/types.py",
        old="Share = Annotated[float, Meta(ge=0, le=1)]",
        new="Share = Annotated[float, Meta(ge=0)]",
        tests=(
            "tests/bench/records/test_types.py::test_a_value_out_of_bounds_is_refused_with_its_path",
        ),
    ),
    Fault(
        name="earlier-version",
        claim="Files of version 4 are read too (docs/results.md)",
        fault="they are taken for files of this version",
        file="bench/records/upgrade.py",
        old="for step in range(version, SCHEMA_VERSION):",
        new="for step in range(version + 1, SCHEMA_VERSION):",
        tests=("tests/bench/records/test_upgrade.py::test_a_sample_of_every_version_holds",),
    ),
    Fault(
        name="sentence-decides",
        claim="A sentence is made of a kind, and nothing but people reads it (docs/results.md)",
        fault="a run without an answer of another engine is told by its sentence",
        file="bench/check/required_checks.py",
        old="isinstance(kind, NoOtherEngine | ReferenceDiffers) for kind",
        new=(
            '" another" in __import__("bench.records.words").records.words.'
            "not_checked_text(kind) for kind"
        ),
        tests=(
            "tests/test_words_decide_nothing.py::test_verdicts_findings_frames_and_exit_statuses_stay",
        ),
    ),
    Fault(
        name="third-engine",
        claim="A new framework is one folder and one line in the registry (docs/architecture.md)",
        fault="its engines are left out",
        file="alexnet/frameworks/registry.py",
        old="for info in FRAMEWORKS.values() for engine in info.engines",
        new="for info in list(FRAMEWORKS.values())[:2] for engine in info.engines",
        tests=("tests/test_third_framework.py::test_the_doctor_diagnoses_it",),
    ),
    Fault(
        name="saved-failure",
        claim="A failed cell is saved, and the exit status is not zero (README)",
        fault="a cell without a result counts as a benchmark",
        file="bench/test_train.py",
        old="        pytest.fail(rejection_text(run), pytrace=False)\n",
        new="        pytest.skip(rejection_text(run))\n",
        tests=(
            "tests/bench/session/test_session.py::test_a_crashed_and_a_diverged_cell_are_saved_and_the_others_go_on",
        ),
    ),
    Fault(
        name="synthetic-first",
        claim="The synthetic stand-in is said on the first line (docs/options.md)",
        fault="the line calls it CIFAR-10",
        file="bench/plugin/header.py",
        old='"synthetic": "SYNTHETIC"',
        new='"synthetic": "CIFAR-10"',
        tests=(
            "tests/bench/plugin/test_summary.py::test_the_title_says_what_every_figure_stands_under",
        ),
    ),
    Fault(
        name="stand-in",
        claim="Only `smoke` and `quick` have a synthetic stand-in (docs/options.md)",
        fault="`full` takes it as well",
        file="bench/plan/profiles.py",
        old="        synthetic_allowed=False,\n    ),\n}",
        new="        synthetic_allowed=True,\n    ),\n}",
        tests=("tests/bench/plan/test_grid.py::test_only_the_small_profiles_have_a_stand_in",),
    ),
    Fault(
        name="speed-steps",
        claim="An epoch of `speed` has as many steps as take the fastest engine 25 s (docs/options.md)",
        fault="the slowest one decides",
        file="bench/session/session.py",
        old="fastest = min(map(self._ask_trial, tried))",
        new="fastest = max(map(self._ask_trial, tried))",
        tests=(
            "tests/bench/session/test_speed.py"
            "::test_the_trial_of_the_fastest_engine_says_how_many_steps_all_have",
        ),
    ),
    Fault(
        name="speed-resumed",
        claim="A session of `speed` that goes on keeps its number of steps (docs/resume.md)",
        fault="it asks for another trial",
        file="bench/session/session.py",
        old="            if cell.experiment not in decided:",
        new="            if cell.experiment:",
        tests=(
            "tests/bench/session/test_speed.py"
            "::test_a_session_that_goes_on_keeps_its_steps_and_asks_for_no_trial",
        ),
    ),
    Fault(
        name="speed-accuracy",
        claim="Nothing is claimed of what runs of `speed` have learnt (docs/report.md)",
        fault="their accuracies are read as any other run's",
        file="bench/records/types.py",
        old="return self.profile == SPEED\n",
        new="return False\n",
        tests=(
            "tests/reports/test_speed_profile.py::test_nothing_is_claimed_of_accuracy",
            "tests/bench/plugin/test_summary.py"
            "::test_a_run_for_speed_alone_has_no_accuracy_and_no_convergence",
        ),
    ),
    Fault(
        name="learning",
        claim="Real images are learnt by both frameworks (docs/evidence.md)",
        fault="each batch has the labels of other images",
        file="alexnet/data.py",
        old="yield images, data.labels[chosen]",
        new="yield images, data.labels[chosen][::-1]",
        tests=("tests/alexnet/test_learning.py::test_real_images_are_learnt",),
    ),
    Fault(
        name="beside-others",
        claim="Cells are measured one after the other (README)",
        fault="`pytest bench -n 2` runs them beside each other",
        file="conftest.py",
        old='if config.getoption("numprocesses", None):',
        new='if config.getoption("nosuchoption", None):',
        tests=(
            "tests/bench/session/test_session.py::test_what_cannot_be_is_refused_in_a_sentence_before_any_cell",
        ),
    ),
    Fault(
        name="nothing-left-behind",
        claim="A run of the project's own tests leaves nothing in the checkout (docs/evidence.md)",
        fault="every call of pytest makes `results/`",
        file="conftest.py",
        old="{RESULTS if _runs_benchmarks(config) else ROOT}",
        new="{RESULTS}",
        tests=("tests/project/test_checkout.py::test_a_run_of_the_tests_leaves_the_checkout_as_it_was",),
    ),
    Fault(
        name="home-folder",
        claim="The saved file has no folder of the user and no user name in it (docs/results.md)",
        fault="what stands within a list is passed over",
        file="bench/host/identity.py",
        old="return [self.hide(item) for item in value]",
        new="return list(value)",
        tests=(
            "tests/bench/session/test_session.py::test_a_crashed_and_a_diverged_cell_are_saved_and_the_others_go_on",
            "tests/bench/session/test_accounts.py::test_no_spelling_of_a_users_name_or_folder_is_in_a_file",
        ),
    ),
    Fault(
        name="no-framework",
        claim="The session's own process loads no framework (docs/architecture.md)",
        fault="it imports torch to find the weights",
        file="bench/plan/prepare.py",
        old="from alexnet import download, folders\n",
        new=(
            "from alexnet import download, folders\n"
            "from alexnet.frameworks.torch import backend  # noqa: F401\n"
        ),
        tests=("tests/project/test_imports.py::test_the_parent_loads_no_framework",),
    ),
    Fault(
        name="virtual-mac",
        claim="A virtual Mac's figures are comparable with nobody's (docs/comparing.md)",
        fault="it is compared as any other",
        file="reports/study/compare.py",
        old="if machine == base or base_device is None or {machine, base} & virtual:",
        new="if machine == base or base_device is None:",
        tests=("tests/reports/test_ratios.py::test_a_virtual_mac_is_compared_with_nobody",),
    ),
    Fault(
        name="drift",
        claim="Over 5 % drift is a warning (docs/comparing.md)",
        fault="it is one over 50 %",
        file="bench/records/limits.py",
        old="MAX_DRIFT = 0.05",
        new="MAX_DRIFT = 0.5",
        tests=("tests/bench/records/test_verdict.py::test_a_warning_is_told_and_leaves_a_run_valid",),
    ),
    Fault(
        name="battery",
        claim="The doctor warns of a computer on its battery (docs/first-run-on-a-mac.md)",
        fault="it does not look at the power",
        file="bench/doctor/condition.py",
        old='if facts.condition.power == "battery":',
        new="if facts.condition.power is None:",
        tests=(
            "tests/bench/doctor/test_condition.py::test_a_planted_fault_is_found_once_with_its_level_and_its_fix",
        ),
    ),
    Fault(
        name="spoiled",
        claim="What would make a run worthless stops it (docs/options.md)",
        fault="it is said, and the run goes on",
        file="conftest.py",
        old="if errors and not session.options.ignore_doctor:",
        new="if errors and session.options.ignore_doctor is None:",
        tests=(
            "tests/bench/session/test_session.py::test_an_error_of_the_doctor_stops_a_run_unless_told_otherwise",
        ),
    ),
    Fault(
        name="fall-back",
        claim="Variables that change figures are found by the doctor (docs/gate.md)",
        fault="torch's fall-back to the CPU is not among them",
        file="alexnet/frameworks/torch/info.py",
        old='"PYTORCH_ENABLE_MPS_FALLBACK": Variable(',
        new='"PYTORCH_ENABLE_MPS_FALLBACKS": Variable(',
        tests=("tests/bench/doctor/test_facts.py::test_only_variables_that_matter_are_looked_at",),
    ),
    Fault(
        name="allowed",
        claim="What a container or a job scheduler allows stands in every result (docs/results.md)",
        fault="the worker does not say it",
        file="bench/worker/job.py",
        old="backend.settings() | limits.settings()",
        new="backend.settings()",
        tests=(
            "tests/bench/session/test_shells.py::test_a_result_says_that_it_had_a_part_of_the_processors",
        ),
    ),
    Fault(
        name="uv-versions",
        claim="uv installs the versions that make installs (docs/install.md)",
        fault="one is another",
        file="pyproject.toml",
        old='"torch==2.14.1"',
        new='"torch==2.14.0"',
        tests=("tests/project/test_makefile.py::test_uv_installs_the_versions_that_make_installs",),
    ),
    Fault(
        name="settings",
        claim="Runs of another batch size are not compared (docs/report.md)",
        fault="the batch size is no part of a setting",
        file="reports/data/settings.py",
        old="return (*(row[name] for name in EXPERIMENT),",
        new='return (*(row[name] for name in EXPERIMENT if name != "batch_size"),',
        tests=("tests/reports/test_frame.py::test_another_batch_size_or_rate_is_another_setting",),
    ),
    Fault(
        name="images-apart",
        claim="Runs on other images are not compared (docs/report.md)",
        fault="all images count as the same ones",
        file="reports/data/settings.py",
        old='[row["data_sha256"] for row in rows]',
        new="[None for row in rows]",
        tests=(
            "tests/reports/test_frame.py::test_what_differs_in_one_thing_is_apart_and_the_thing_is_named",
        ),
    ),
    Fault(
        name="profile-apart",
        claim="Runs of another profile are not compared (docs/report.md)",
        fault="all profiles count as the same one",
        file="reports/data/settings.py",
        old="keys = [(*(row[name] for name in SESSION), variations[i])",
        new='keys = [("full", *(row[name] for name in SESSION[1:]), variations[i])',
        tests=("tests/reports/test_frame.py::test_another_size_profile_or_data_set_is_another_setting",),
    ),
    Fault(
        name="settings-mixed",
        claim="Two runs are compared only if they share a letter (docs/report.md)",
        fault="an engine of any setting is compared with those of the first",
        file="reports/study/compare.py",
        old="if len(letters) > 1 and not (alike and shared_sessions(*pair)):",
        new="if not letters:",
        tests=("tests/reports/test_ratios.py::test_settings_are_never_mixed",),
    ),
    Fault(
        name="methods-pooled",
        claim="Figures of different methods are never pooled (docs/results.md)",
        fault="the method does not part runs",
        file="reports/data/settings.py",
        old='*("variant", "method"),',
        new='*("variant",),',
        tests=("tests/reports/test_kinds.py::test_runs_of_two_methods_never_share_a_letter",),
    ),
    Fault(
        name="versions-pooled",
        claim="Runs of two versions of a framework are never pooled (docs/report.md)",
        fault="the major version alone counts",
        file="reports/data/settings.py",
        old='str(version).split("+")[0]',
        new='str(version).split(".")[0]',
        tests=("tests/reports/test_frame.py::test_another_minor_version_is_pooled_with_none",),
    ),
    Fault(
        name="local-versions",
        claim="Builds of one version of a framework are one (docs/report.md)",
        fault="what follows the + counts too",
        file="reports/data/settings.py",
        old='str(version).split("+")[0]',
        new="str(version)",
        tests=("tests/reports/test_frame.py::test_builds_of_one_version_engines_and_seeds_do_not_part",),
    ),
    Fault(
        name="two-gpus",
        claim="Two GPUs under one name are two machines (docs/report.md)",
        fault="an engine's two names are no contradiction",
        file="reports/data/machines.py",
        old="for engine, device, _ in every}) < len(every)",
        new="for engine, device, _ in every}) > len(every)",
        tests=(
            "tests/reports/test_machines.py::test_two_gpus_under_one_name_are_two_machines",
            "tests/reports/test_machines.py::test_a_file_of_two_gpus_is_two_machines",
        ),
    ),
    Fault(
        name="two-names-of-a-gpu",
        claim="A GPU that each framework calls by a name of its own is one machine (docs/report.md)",
        fault="the names of different engines contradict each other",
        file="reports/data/machines.py",
        old="len({(engine, device) for engine, device, _ in every})",
        new="len({device for engine, device, _ in every})",
        tests=(
            "tests/reports/test_machines.py::test_a_gpu_with_a_name_from_each_framework_is_one_machine",
        ),
    ),
    Fault(
        name="builds-pooled",
        claim="The builds of a computer's system are told apart (docs/report.md)",
        fault="they are pooled",
        file="reports/data/machines.py",
        old="if len(by_build) > 1 and not pool_os_builds:",
        new="if len(by_build) > 1 and pool_os_builds:",
        tests=("tests/reports/test_machines.py::test_the_builds_of_a_system_are_told_apart",),
    ),
    Fault(
        name="builds-pooled-unsaid",
        claim="Where builds are pooled the report says so (docs/report.md)",
        fault="nothing is said",
        file="reports/chapters/method.py",
        old="if found.pooled is pooled",
        new="if not pooled and not found.pooled",
        tests=(
            "tests/reports/test_machines.py::"
            "test_the_builds_of_a_system_are_pooled_if_that_is_asked_for",
        ),
    ),
    Fault(
        name="no-valid-run",
        claim="Where no run is valid, nothing is said of what the runs were (docs/report.md)",
        fault="they are called part of a profile all the same",
        file="reports/chapters/method.py",
        old="    if runs.empty:\n        return None\n    amounts",
        new="    amounts",
        tests=("tests/reports/chapters/test_method.py::test_no_valid_run_has_a_method_all_the_same",),
    ),
    Fault(
        name="runs-cut",
        claim="Every run has its row, with its file (docs/report.md)",
        fault="a page has the first 60 alone",
        file="reports/chapters/sources.py",
        old="    runs = study.frames.runs\n",
        new="    runs = study.frames.runs.head(60)\n",
        tests=("tests/reports/chapters/test_sources.py::test_no_run_and_no_file_is_without_its_row",),
    ),
    Fault(
        name="ends-not-shown",
        claim="Of many machines the baseline, the fastest and the slowest are shown (docs/report.md)",
        fault="they are chosen as any other",
        file="reports/study/shown.py",
        old="first = [name for name in (baseline, *ends) if name is not None]",
        new="first = [name for name in (baseline,) if name is not None]",
        tests=(
            "tests/reports/test_many_machines.py::"
            "test_the_ends_and_the_baseline_are_the_first_to_be_shown",
        ),
    ),
    Fault(
        name="rows-not-exported",
        claim="What a page leaves out of a table is beside the report (docs/report.md)",
        fault="the files have the rows of the page alone",
        file="reports/chapters/steadiness/table.py",
        old="frame=frame",
        new="frame=shown",
        tests=(
            "tests/reports/chapters/test_steadiness.py"
            "::test_of_many_cells_those_that_were_not_steady_are_shown",
        ),
    ),
    Fault(
        name="never-met",
        claim="Engines that met on no device are not compared, and that is said (docs/report.md)",
        fault="nothing is said",
        file="reports/chapters/engines/__init__.py",
        old="if pair[0].isdisjoint(pair[1]):",
        new="if pair[0].isdisjoint(pair[0]):",
        tests=(
            "tests/reports/chapters/test_engines.py::test_engines_on_different_devices_are_not_compared",
        ),
    ),
    Fault(
        name="winner",
        claim="The finding names the engine that is judged faster (docs/report.md)",
        fault="it names the other one",
        file="reports/chapters/engines/finding.py",
        old='{"faster": str(pair.first), "slower": str(pair.second)}',
        new='{"slower": str(pair.first), "faster": str(pair.second)}',
        tests=(
            "tests/reports/chapters/test_engines.py::"
            "test_the_fastest_of_several_engines_is_ahead_of_each",
        ),
    ),
    Fault(
        name="ranking-ends",
        claim="Of many machines the fastest, the slowest and the baseline are ranked (docs/report.md)",
        fault="the slowest and the baseline are not",
        file="reports/chapters/machines.py",
        old="kept = {int(is_base.argmax()), len(rows) - 1}",
        new="kept = set[int]()",
        tests=(
            "tests/reports/chapters/test_machines.py::"
            "test_of_many_machines_the_ends_and_the_baseline_are_shown",
        ),
    ),
    Fault(
        name="invalid-compared",
        claim="A run that is invalid is compared with nothing (docs/report.md)",
        fault="its epochs count as any other's",
        file="reports/data/frame.py",
        old='(self.runs["validity"] == "valid") & self.runs["says_nothing"].isna()',
        new='(self.runs["validity"] != "failed") & self.runs["says_nothing"].isna()',
        tests=("tests/reports/chapters/test_apart.py::test_an_invalid_run_is_in_no_comparison",),
    ),
    Fault(
        name="silent-compared",
        claim="Runs that say nothing of their framework are in no comparison (docs/report.md)",
        fault="they are compared as any other's",
        file="reports/data/frame.py",
        old='(self.runs["validity"] == "valid") & self.runs["says_nothing"].isna()',
        new='(self.runs["validity"] == "valid")',
        tests=("tests/reports/test_says_nothing.py::test_they_are_in_no_comparison_speed_or_judgement",),
    ),
    Fault(
        name="mean-of-any-precision",
        claim="The mean of a machine is of engines that compute in float32 (docs/report.md)",
        fault="engines of every precision are in it",
        file="reports/study/compare.py",
        old="in_means(cells).groupby",
        new="cells.groupby",
        tests=(
            "tests/reports/test_precisions.py::test_machines_are_ranked_by_their_engines_in_float32",
        ),
    ),
    Fault(
        name="warm-compile",
        claim="Compilation is the first step less a usual one (docs/report.md)",
        fault="it is the first step",
        file="bench/records/derive.py",
        old="return max(first - usual_step_seconds(epochs, steps), 0.0)",
        new="return first",
        tests=(
            "tests/bench/records/test_derive.py::test_compilation_is_the_first_step_less_the_usual_one",
        ),
    ),
    Fault(
        name="cpu-with-gpu",
        claim="Machines are compared GPU with GPU and CPU with CPU (docs/report.md)",
        fault="a CPU is compared with a GPU",
        file="reports/study/compare.py",
        old='return "cpu" if device == "cpu" else "gpu"',
        new='return "gpu"',
        tests=("tests/reports/test_ratios.py::test_a_cpu_is_not_averaged_with_a_gpu",),
    ),
    Fault(
        name="two-computers",
        claim="Two computers of one name that differ are told apart (docs/report.md)",
        fault="memory is no part of a computer",
        file="bench/records/computer.py",
        old='"gpu_cores", "memory_bytes", "architecture", "virtual")\n"""What',
        new='"gpu_cores", "architecture", "virtual")\n"""What',
        tests=("tests/reports/test_sources.py::test_a_computer_that_differs_in_one_part_is_another",),
    ),
    Fault(
        name="same-computer",
        claim=(
            "What a kernel keeps of the memory makes no other computer (docs/report.md, docs/resume.md)"
        ),
        fault="memory must be the same to the byte",
        file="bench/records/computer.py",
        old="SAME_MEMORY = 1 / 12",
        new="SAME_MEMORY = 0",
        tests=(
            "tests/reports/test_machines.py::test_a_reading_that_failed_or_was_rounded_parts_no_computer",
            "tests/bench/session/test_manifest.py::test_after_a_reboot_it_is_the_same_computer",
        ),
    ),
    Fault(
        name="another-suite",
        claim="A file that another suite saved is named as such (docs/report.md, docs/results.md)",
        fault="it is taken for a damaged file of this one",
        file="bench/records/read.py",
        old='if "schema" not in content and not isinstance(raw_machine, dict):',
        new="if False:",
        tests=("tests/bench/records/test_read.py::test_a_file_of_another_suite_is_told_as_such",),
    ),
    Fault(
        name="verdict",
        claim="*Faster* means that the whole interval lies above 1 (docs/report.md)",
        fault="faster and slower change places",
        file="reports/study/ratios.py",
        old='        return "not decided among many"\n    return "faster" if estimate.ratio > 1',
        new='        return "not decided among many"\n    return "faster" if estimate.ratio < 1',
        tests=("tests/reports/test_ratios.py::test_runs_of_a_session_in_turn_give_welchs_interval",),
    ),
    Fault(
        name="confidence",
        claim="A ratio has a 95 % interval (docs/report.md)",
        fault="it is one standard error wide, as one of 68 %",
        file="reports/study/ratios.py",
        old="CONFIDENCE = 0.95",
        new="CONFIDENCE = 0.68",
        tests=("tests/reports/test_ratios.py::test_runs_of_a_session_in_turn_give_welchs_interval",),
    ),
    Fault(
        name="single-runs",
        claim="Without an interval a lead decides only above 1.20 times (docs/report.md)",
        fault="any lead over 2 % decides",
        file="reports/study/ratios.py",
        old="CLEAR = 1.20",
        new="CLEAR = 1.02",
        tests=(
            "tests/reports/test_simulate.py::test_single_runs_decide_where_the_lead_is_clear_and_nowhere_else",
        ),
    ),
    Fault(
        name="holm",
        claim="The comparisons of one table are judged together (docs/report.md)",
        fault="each is judged as if it stood alone",
        file="reports/study/ratios.py",
        old="min(1.0, (len(order) - rank) * p)",
        new="p + 0 * rank",
        tests=("tests/reports/test_ratios.py::test_what_one_comparison_decides_many_do_not",),
    ),
    Fault(
        name="out-of-turn",
        claim="Runs of which one engine's came first give no interval (docs/report.md)",
        fault="they do",
        file="reports/study/ratios.py",
        old="MOST_PLACES_EARLIER = 0.5",
        new="MOST_PLACES_EARLIER = 9.0",
        tests=("tests/reports/test_ratios.py::test_one_side_after_the_other_is_no_repetition",),
    ),
    Fault(
        name="runs-for-sessions",
        claim="Machines are judged by sessions, not by the runs of one (docs/report.md)",
        fault="each run of a session counts as a session",
        file="reports/study/compare.py",
        old="setdefault(session, [])",
        new="setdefault(session + value.run, [])",
        tests=("tests/reports/test_pairs.py::test_what_was_repeated_says_what_may_be_decided",),
    ),
    Fault(
        name="saves-of-a-session",
        claim="Files that share a run are saves of one session (docs/report.md)",
        fault="each file is a session",
        file="reports/data/sources.py",
        old="            if first != second:\n",
        new="            if first != second and not self.sources:\n",
        tests=("tests/reports/test_pairs.py::test_saves_of_one_session_are_one_session",),
    ),
    Fault(
        name="engines-first",
        claim="Every other session begins with the last engine (docs/options.md)",
        fault="each begins with the first",
        file="bench/session/open.py",
        old="last_engine_first=_saved_sessions(runs.parent) % 2 == 1",
        new="last_engine_first=_saved_sessions(runs.parent) < 0",
        tests=(
            "tests/bench/session/test_turns.py::test_every_other_session_begins_with_the_last_engine",
        ),
    ),
    Fault(
        name="other-protocol",
        claim="Two engines are compared only if they trained the same (docs/report.md)",
        fault="those of one file always are",
        file="reports/study/compare.py",
        old="return self.terms == other.terms and",
        new="return bool(self.terms) and",
        tests=(
            "tests/reports/test_pairs.py::"
            "test_engines_that_were_trained_otherwise_are_not_compared_though_in_one_file",
        ),
    ),
    Fault(
        name="short-cells",
        claim="A cell with too few epochs is left out of a mean and counted (docs/report.md)",
        fault="it is part of the mean, and leaves it without a verdict",
        file="reports/study/ratios.py",
        old="pairs = enough or list(pairs)",
        new="pairs = [*pairs, *enough][: len(pairs)]",
        tests=("tests/reports/test_ratios.py::test_a_cell_with_too_few_epochs_is_left_out_and_counted",),
    ),
    Fault(
        name="same-session",
        claim="Two engines are compared in the sessions that both were in (docs/report.md)",
        fault="runs of other days count too",
        file="reports/study/ratios.py",
        old="return [(first.within(shared), second.within(shared))] if shared else list(pairs)",
        new="return list(pairs)",
        tests=(
            "tests/reports/test_pairs.py::test_engines_are_compared_in_the_sessions_that_both_were_in",
        ),
    ),
    Fault(
        name="most-in-common",
        claim="The report is about the setting with the most in common (docs/report.md)",
        fault="it is about the one with the fullest profile",
        file="reports/study/compare.py",
        old='            -cells["machine"].nunique(),\n            comparisons == 0,\n',
        new="            comparisons < 0,\n",
        tests=("tests/reports/test_pairs.py::test_the_report_is_about_the_setting_with_most_in_common",),
    ),
    Fault(
        name="four-epochs",
        claim="Under four timed epochs a side there is no verdict (docs/report.md)",
        fault="three are enough",
        file="reports/study/ratios.py",
        old="LEAST_EPOCHS = 4",
        new="LEAST_EPOCHS = 3",
        tests=(
            "tests/reports/test_ratios.py::test_the_fewest_epochs_are_where_chance_falls_under_a_twentieth",
        ),
    ),
    Fault(
        name="not-believed",
        claim="A run whose file says otherwise than its epochs is left out (docs/report.md)",
        fault="the report believes the file",
        file="reports/data/saved.py",
        old="contradiction := first_contradiction(run)",
        new="contradiction := None",
        tests=(
            "tests/reports/test_nonsense.py"
            "::test_nonsense_is_left_out_with_its_reason_and_the_rest_stays",
        ),
    ),
    Fault(
        name="cut-run",
        claim="A run that was cut short of its plan claims nothing (docs/report.md)",
        fault="a file may say that its cap ended it",
        file="bench/records/consistency.py",
        old="        if end.stopped is None:\n",
        new="        if False:\n",
        tests=(
            "tests/bench/check/test_result.py::test_an_edit_is_named_even_with_a_new_checksum",
            "tests/reports/test_nonsense.py"
            "::test_nonsense_is_left_out_with_its_reason_and_the_rest_stays",
        ),
    ),
    Fault(
        name="signed-zero",
        claim="What rounds to zero has no sign (docs/report.md)",
        fault="a change of -0.04 % is told as one",
        file="reports/write/words.py",
        old='return figure if figure.strip("+-0.,") else figure.lstrip("+-")',
        new="return figure",
        tests=(
            "tests/reports/test_words.py::test_a_change_has_its_sign_and_a_zero_none",
            "tests/reports/test_words.py::test_nothing_that_rounds_to_zero_has_a_sign",
        ),
    ),
    Fault(
        name="counts-once",
        claim="The same run in two files counts once (docs/report.md)",
        fault="it counts in each",
        file="reports/data/sources.py",
        old="if earlier := checksums.get(run.checksum):",
        new="if (earlier := checksums.get(run.checksum)) and not run.checksum:",
        tests=("tests/reports/test_sources.py::test_the_same_run_in_another_file_counts_once",),
    ),
    Fault(
        name="prose",
        claim="A sentence of the report says what the files give (docs/evidence.md)",
        fault="the seconds of an epoch have the warm-up in them",
        file="reports/data/rows.py",
        old="median(e.train_seconds for e in counted)",
        new="median(e.train_seconds for e in epochs)",
        tests=("tests/reports/test_frame.py::test_the_figures_of_one_run",),
    ),
    Fault(
        name="not-measured",
        claim="What was not measured is a gap, never 0 (docs/report.md)",
        fault="no peak is a peak of nothing",
        file="reports/data/rows.py",
        old='"peak_device_bytes": card,',
        new='"peak_device_bytes": card or 0,',
        tests=("tests/reports/test_sources.py::test_what_was_not_measured_is_nan_and_no_zero",),
    ),
    Fault(
        name="html-text",
        claim="Texts from files are shown as text in the page (docs/report.md)",
        fault="the page takes them for markup",
        file="reports/render/html.py",
        old="        autoescape=True, undefined",
        new="        autoescape=False, undefined",
        tests=("tests/reports/test_render.py::test_a_page_shows_every_text_and_runs_none",),
    ),
    Fault(
        name="markdown-text",
        claim="Texts from files are shown as text in Markdown (docs/report.md)",
        fault="a tag is left as it is",
        file="reports/render/markdown.py",
        old='MEANING |= {"<": "&lt;", ">": "&gt;",',
        new='MEANING |= {">": "&gt;",',
        tests=("tests/reports/test_render.py::test_markdown_shows_every_text_and_reads_none",),
    ),
    Fault(
        name="formula",
        claim="A spreadsheet is given no formula (docs/report.md)",
        fault="only what begins with = is taken for one",
        file="reports/data/files.py",
        old='FORMULA = ("=", "+", "-", "@", "\\t", "\\r")',
        new='FORMULA = ("=",)',
        tests=("tests/reports/test_export.py::test_a_spreadsheet_is_given_no_formula",),
    ),
    Fault(
        name="no-host",
        claim="The page asks nothing of any host (docs/report.md)",
        fault="a picture may fetch its font",
        file="reports/draw/drawing.py",
        old="|@import|javascript:",
        new="|javascript:",
        tests=("tests/reports/test_render.py::test_a_picture_that_is_more_than_a_drawing_is_refused",),
    ),
    Fault(
        name="first-page-order",
        claim="The first page ranks the machines by their speed (docs/report.md)",
        fault="they stand in the order of their files",
        file="reports/chapters/front/shown.py",
        old="return sorted(rows, key=lambda row: (not row.speeds[0].is_exact, -row.speeds[0].value))",
        new="return rows",
        tests=(
            "tests/reports/test_many_machines.py::"
            "test_the_first_page_has_all_machines_and_its_chart_the_ends",
        ),
    ),
    Fault(
        name="sorted-away",
        claim="A table that is sorted in the page keeps all its rows (docs/report.md)",
        fault="it keeps the first five",
        file="reports/render/templates/report.js",
        old="this.body.append(...this.rows);",
        new="this.body.replaceChildren(...this.rows.slice(0, 5));",
        tests=("tests/reports/test_script.py::test_a_heading_sorts_by_the_values_behind_the_cells",),
    ),
    Fault(
        name="page-policy",
        claim="The page's policy allows its own sheet and script and nothing else (docs/report.md)",
        fault="it allows any host",
        file="reports/render/html.py",
        old="default-src 'none'",
        new="default-src *",
        tests=("tests/reports/test_render.py::test_the_page_allows_nothing_but_itself",),
    ),
    Fault(
        name="frames-text",
        claim="A hostile name stays text in the frames that the page holds (docs/report.md)",
        fault="it can end their element and begin another",
        file="reports/render/html.py",
        old='.replace("<", "\\\\u003c")',
        new="",
        tests=("tests/reports/test_render.py::test_frames_in_the_page_are_text",),
    ),
    Fault(
        name="number-links",
        claim="Every number in a sentence leads to the runs that it was made of (docs/report.md)",
        fault="it is a text as any other",
        file="reports/render/page.py",
        old='return Part(text=plain(number.text), to=f"n{n}", id=f"s{n}", title=plain(number.what))',
        new="return plain(number.text) if n else ''",
        tests=("tests/reports/test_render.py::test_a_number_leads_to_its_row_and_the_row_back",),
    ),
    Fault(
        name="data-of-some-runs",
        claim="`report-data/` has every run of every file (docs/report.md)",
        fault="it has the valid runs alone",
        file="reports/report.py",
        old='"runs": study.frames.runs,',
        new='"runs": study.frames.valid,',
        tests=(
            "tests/reports/test_report_data.py::test_every_run_of_every_file_is_there_with_its_file",
        ),
    ),
    Fault(
        name="last-report",
        claim="Files of the last report that a new one does not have are removed (docs/report.md)",
        fault="they stay beside the new ones",
        file="reports/render/data.py",
        old="elif (folder / name).is_file():",
        new="elif not (folder / name).exists():",
        tests=("tests/reports/test_command.py::test_of_the_last_report_only_its_own_files_go",),
    ),
    Fault(
        name="markdown-lines",
        claim="`report.md` has 400 lines at most (docs/report.md)",
        fault="it has ten times as many",
        file="reports/render/markdown.py",
        old="MOST_LINES = 400",
        new="MOST_LINES = 4000",
        tests=("tests/reports/test_render.py::test_markdown_is_short_and_says_where_the_rest_is",),
    ),
    Fault(
        name="code-points",
        claim="A letter that no font has stands as its code point (docs/report.md)",
        fault="it stands as a question mark",
        file="reports/draw/fonts.py",
        old='text = text.replace(letter, f"U+{ord(letter):04X}")',
        new='text = text.replace(letter, "?")',
        tests=("tests/reports/test_fonts.py::test_a_letter_that_no_font_draws_is_its_code_point",),
    ),
    Fault(
        name="closed-output",
        claim="A report is written though standard output is closed (docs/report.md)",
        fault="what is closed is written to",
        file="reports/__main__.py",
        old="    if stream is None or not _is_open(stream):\n        return Console(quiet=True)\n",
        new="    assert stream is not None\n",
        tests=("tests/reports/test_command.py::test_a_report_is_written_though_its_output_is_closed",),
    ),
    Fault(
        name="cache-damaged",
        claim="A damaged entry of the cache is read again (docs/report.md)",
        fault="it ends the report",
        file="reports/data/cache.py",
        old="except (OSError, ValueError, zlib.error, msgspec.MsgspecError):",
        new="except OSError:",
        tests=("tests/reports/test_cache.py::test_a_damaged_entry_is_read_again_and_mended",),
    ),
    Fault(
        name="cache-code",
        claim="An entry of the cache is known by the code that read it (docs/report.md)",
        fault="the sha256 of the file is enough",
        file="reports/data/cache.py",
        old='facts = f"{sha256} {_this_version()} {sorted(ENGINES.items())}',
        new='facts = f"{sha256} {sorted(ENGINES.items())}',
        tests=("tests/reports/test_cache.py::test_another_version_of_the_code_reads_anew",),
    ),
    Fault(
        name="cache-off",
        claim="`ALEXNET_REPORT_CACHE=off` keeps nothing (docs/report.md)",
        fault="it is the name of a folder",
        file="reports/data/cache.py",
        old="    if named == OFF:\n        return None\n",
        new="",
        tests=(
            "tests/reports/test_cache.py::"
            "test_the_users_cache_is_beside_the_downloads_or_where_a_variable_says",
        ),
    ),
    Fault(
        name="transfer-read-back",
        claim="Each of ImageNet's tensors is read back from its engine (docs/results.md)",
        fault="its shape alone is compared",
        file="bench/worker/job.py",
        old="if canonical.fingerprint({name: given_back[name]}) != fingerprints[name]:",
        new="if array.shape != given_back[name].shape:",
        tests=(
            "tests/bench/worker/test_weight_transfer.py"
            "::test_an_engine_that_holds_another_tensor_is_told_so",
        ),
    ),
    Fault(
        name="transfer-log",
        claim="The log of the weights has each tensor of the network (docs/architecture.md)",
        fault="bench.check asks for no tensor",
        file="bench/check/start.py",
        old="for name in sorted({*expected, *recorded}):",
        new="for name in sorted(set(recorded) - set(expected)):",
        tests=("tests/bench/check/test_result.py::test_a_mac_with_its_energy_is_checked_too",),
    ),
    Fault(
        name="transfer-layout",
        claim="The layout of a tensor is one that a framework may make of it (docs/architecture.md)",
        fault="bench.check takes any",
        file="bench/check/start.py",
        old="    if tensor.layout not in layouts:\n",
        new="    if not tensor.layout:\n",
        tests=("tests/bench/check/test_start.py::test_an_edited_transfer_log_is_named",),
    ),
    Fault(
        name="transfer-head",
        claim="A new head is what its seed draws (docs/results.md)",
        fault="bench.check takes any hash of it",
        file="bench/check/start.py",
        old="    elif tensor.name in weights.head_tensors(run.net):\n",
        new="    elif tensor.name in ():\n",
        tests=("tests/bench/check/test_start.py::test_an_edited_transfer_log_is_named",),
    ),
    Fault(
        name="finite-weights",
        claim="Weights that are not finite are refused, by the tensor's name (docs/results.md)",
        fault="they are taken",
        file="alexnet/weights.py",
        old="        if not np.isfinite(total):\n",
        new="        if total is None:\n",
        tests=("tests/alexnet/test_weights.py::test_a_file_with_values_that_are_not_finite_is_refused",),
    ),
    Fault(
        name="hosted-failure",
        claim="What fails on a hosted Mac fails its job, unless it is known (docs/hosted-mac.md)",
        fault="a known fault excuses the same check of every engine",
        file="bench/hosted_mac/judge.py",
        old="failures=tuple(answer for answer in failed if answer.key not in here),",
        new="failures=tuple(a for a in failed if a.check not in {name for _, _, name in here}),",
        tests=(
            "tests/bench/hosted_mac/test_judge.py"
            "::test_a_known_fault_excuses_its_own_engine_check_and_kind",
        ),
    ),
    Fault(
        name="hosted-no-answer",
        claim="A gate that gave no answer on a hosted Mac is a failure (docs/hosted-mac.md)",
        fault="it is passed over",
        file="bench/hosted_mac/ask.py",
        old="found = [(ANSWERED, gate is not None, reason)]",
        new="found = [(ANSWERED, True, reason)]",
        tests=(
            "tests/bench/hosted_mac/test_ask.py"
            "::test_a_gate_that_left_no_answer_is_no_pass_and_says_why",
        ),
    ),
    Fault(
        name="hosted-clock",
        claim="A hosted Mac's clock is thrown away (docs/hosted-mac.md)",
        fault="the gate's checks of the clock are read like any other",
        file="bench/hosted_mac/ask.py",
        old="            if check not in TIMING_CHECKS:\n",
        new="            if check:\n",
        tests=("tests/bench/hosted_mac/test_ask.py::test_what_the_clock_says_is_thrown_away",),
    ),
    Fault(
        name="hosted-parity",
        claim="Parity on a hosted Mac is asked of its GPU (docs/hosted-mac.md)",
        fault="the worker of the parity tests takes the CPU, whatever is asked",
        file="tests/support/framework_worker.py",
        old="    backend = registry.backend(framework, DEVICE)\n",
        new='    backend = registry.backend(framework, "cpu")\n',
        tests=("tests/bench/hosted_mac/test_command.py::test_the_parity_tests_ask_for_the_gpu",),
    ),
    Fault(
        name="cache-foreign",
        claim="The report's cache removes only files of its own (docs/report.md)",
        fault="every file of its folder counts",
        file="reports/data/cache.py",
        old="if not ENTRY.fullmatch(entry.name):",
        new="if False:",
        tests=("tests/reports/test_cache.py::test_no_file_goes_but_the_caches_own",),
    ),
    Fault(
        name="stale-frames",
        claim="Frames of the last report that this one does not have are removed (docs/report.md)",
        fault="they stay",
        file="reports/render/data.py",
        old="            (folder / name).unlink()\n",
        new="            pass\n",
        tests=("tests/reports/test_command.py::test_of_the_last_report_only_its_own_files_go",),
    ),
    Fault(
        name="first-on-every-machine",
        claim="Engines get no interval over machines if one came first on all of them (docs/report.md)",
        fault="the order is not asked",
        file="reports/study/ratios.py",
        old="    if abs(fmean(map(_mean_places_later, used))) <= MOST_PLACES_EARLIER:\n",
        new="    if True:\n",
        tests=(
            "tests/reports/test_ratios.py"
            "::test_one_side_first_on_every_machine_is_no_comparison_of_the_sides",
        ),
    ),
    Fault(
        name="ranked-over-other-cells",
        claim="The finding ranks machines over the same cells alone (docs/report.md)",
        fault="machines with other cells are ranked with them",
        file="reports/study/compare.py",
        old="    return means[[kind == best for kind in kinds]]\n",
        new="    return means\n",
        tests=(
            "tests/reports/chapters/test_front.py"
            "::test_the_finding_ranks_machines_over_the_same_cells_alone",
        ),
    ),
    Fault(
        name="usual-steps",
        claim="The usual loop takes as many steps as ours, or there is no comparison (docs/speed.md)",
        fault="fewer steps count as many",
        file="bench/usual_loop.py",
        old="if taken != steps:",
        new="if taken > steps:",
        tests=("tests/bench/test_usual_loop.py::test_another_network_or_fewer_steps_are_no_comparison",),
    ),
    Fault(
        name="usual-turns",
        claim="The usual loop and ours take turns, and the first place moves on (docs/speed.md)",
        fault="the same loop is always the first of a round",
        file="bench/usual_loop.py",
        old="first = number % len(names)",
        new="first = 0",
        tests=(
            "tests/bench/test_usual_loop.py::test_every_loop_trains_once_a_round_and_the_first_place_moves_on",
        ),
    ),
    Fault(
        name="usual-way",
        claim="The usual loop loads its images in its fastest way (docs/speed.md)",
        fault="the slowest is taken",
        file="bench/usual_loop.py",
        old="best = max(rates,",
        new="best = min(rates,",
        tests=(
            "tests/bench/test_usual_loop.py::test_the_fastest_way_is_kept_and_one_that_fails_is_said",
        ),
    ),
    Fault(
        name="overhead-limit",
        claim="Measuring takes at most 0.5 % of an epoch of `speed` and of `full` (docs/evidence.md)",
        fault="it may take 5 %",
        file="bench/overhead/count.py",
        old="MAX_SHARE = 0.005",
        new="MAX_SHARE = 0.05",
        tests=(
            "tests/bench/overhead/test_count.py::test_a_slow_meter_is_named_and_gives_status_1",
            "tests/bench/overhead/test_count.py::test_both_profiles_are_held_to_the_limit",
        ),
    ),
    Fault(
        name="overhead-waits",
        claim="Waits for the device are no part of what measuring takes (docs/speed.md)",
        fault="they are counted with the meter that waits",
        file="bench/overhead/meters.py",
        old="perf_counter() - began - (self._waits.seconds - waited)",
        new="perf_counter() - began - 0 * (self._waits.seconds - waited)",
        tests=(
            "tests/bench/overhead/test_parts.py::test_a_meter_counts_what_entering_and_leaving_takes",
        ),
    ),
    Fault(
        name="overhead-every-meter",
        claim="What measuring takes has a line for every meter (docs/speed.md)",
        fault="the last one is left out",
        file="bench/overhead/parts.py",
        old="in meters.counted.items():",
        new="in [*meters.counted.items()][:-1]:",
        tests=("tests/bench/overhead/test_parts.py::test_every_meter_of_a_run_is_in_the_table",),
    ),
    Fault(
        name="overhead-pairs",
        claim="Pairs of epochs show what measuring takes and nobody counted (docs/speed.md)",
        fault="they are not asked",
        file="bench/overhead/count.py",
        old="if self.pairs.ratio.low > 1 +",
        new="if self.pairs.ratio.low > 9 +",
        tests=(
            "tests/bench/overhead/test_count.py::test_a_price_that_was_not_counted_shows_in_the_pairs",
        ),
    ),
    Fault(
        name="fleet-pickle",
        claim="No pickle of a host's making is loaded (docs/fleet.md)",
        fault="it is, while a cluster is up as well",
        file="bench/fleet/cluster.py",
        old='if event != "pickle.find_class" or not _guards or _updating_graph.get():',
        new="if event:",
        tests=(
            "tests/bench/fleet/test_cluster.py::test_while_a_cluster_is_up_a_pickle_can_name_bytes_alone",
        ),
    ),
    Fault(
        name="temporary-files",
        claim="Temporary files go with the process that made them (docs/install.md)",
        fault="a worker writes them where the session does",
        file="bench/ipc/child_folder.py",
        old='{"TMPDIR", *',
        new="{*",
        tests=(
            "tests/bench/ipc/test_child_folder.py::test_what_tensorflow_generates_goes_with_a_child_that_ends_at_once",
        ),
    ),
    Fault(
        name="abandoned-files",
        claim="What a killed process left goes with the next one (docs/install.md)",
        fault="nobody looks for it",
        file="bench/temporary_folder.py",
        old="    _remove_abandoned(prefix, place)\n",
        new="",
        tests=(
            "tests/bench/ipc/test_child_folder.py::test_what_a_killed_parent_left_is_removed_before_the_next_child",
            "tests/bench/fleet/test_certificates.py::test_a_killed_coordinators_key_is_removed_by_the_next_and_a_living_ones_is_not",
        ),
    ),
    Fault(
        name="fleet-name",
        claim="A host takes no other name than its certificate's (docs/fleet.md)",
        fault="it may register under any",
        file="bench/fleet/cluster.py",
        old='message.get("name") != name:',
        new='message.get("name") is None:',
        tests=(
            "tests/bench/fleet/test_cluster.py::test_a_worker_registers_under_the_name_in_its_certificate_and_where_it_was_put",
        ),
    ),
    Fault(
        name="fleet-client",
        claim="A host asks the scheduler for nothing that a client may (docs/fleet.md)",
        fault="it may ask for all",
        file="bench/fleet/cluster.py",
        old='message.get("op") not in REPORTS or',
        new="False or",
        tests=("tests/bench/fleet/test_cluster.py::test_what_a_client_may_ask_no_worker_may",),
    ),
    Fault(
        name="fleet-in-common",
        claim="A host that lies about itself stops no other (docs/fleet.md)",
        fault="what it says is counted with the others'",
        file="bench/fleet/cluster.py",
        old="return message | {key: OURS[key] for key in OURS.keys() & message.keys()}",
        new="return message",
        tests=(
            "tests/bench/fleet/test_cluster.py::test_what_all_workers_have_in_common_is_not_taken_from_one",
            "tests/bench/fleet/test_cluster.py::test_a_host_that_lies_about_itself_stops_no_other",
        ),
    ),
    Fault(
        name="fleet-loopback",
        claim="The scheduler listens on 127.0.0.1 alone (docs/fleet.md)",
        fault="it listens on every network",
        file="bench/fleet/cluster.py",
        old='protocol="tls", host="127.0.0.1"',
        new='protocol="tls", host="0.0.0.0"',
        tests=(
            "tests/bench/fleet/test_cluster.py::test_the_scheduler_listens_on_loopback_alone_and_serves_no_page",
        ),
    ),
    Fault(
        name="fleet-moved",
        claim="Work never moves to another host (docs/fleet.md)",
        fault="a task may run on another where its own is gone",
        file="bench/fleet/cluster.py",
        old="allow_other_workers=False",
        new="allow_other_workers=True",
        tests=(
            "tests/bench/fleet/test_cluster.py::test_a_task_for_a_host_that_is_gone_runs_on_no_other",
        ),
    ),
    Fault(
        name="fleet-host-key",
        claim="A host key that is not known is refused, always (docs/fleet.md)",
        fault="it is taken",
        file="bench/fleet/ssh.py",
        old="        self.fingerprint = key.get_fingerprint()\n        return False\n",
        new="        self.fingerprint = key.get_fingerprint()\n        return True\n",
        tests=("tests/bench/fleet/test_ssh.py::test_a_host_key_must_be_known_and_the_same",),
    ),
    Fault(
        name="fleet-machine",
        claim="A file of another machine is refused (docs/fleet.md)",
        fault="it is taken as the host's own",
        file="bench/fleet/vet.py",
        old="if loaded.machine != machine:",
        new="if not loaded.machine:",
        tests=("tests/bench/fleet/test_collect.py::test_a_file_of_another_machine_is_refused",),
    ),
    Fault(
        name="fleet-so-far",
        claim="Results so far never replace a session's own file (docs/fleet.md)",
        fault="equal ones do, and the two take turns",
        file="bench/fleet/collect.py",
        old='return "later" if file.final or not stored.final else "earlier"',
        new='return "later"',
        tests=("tests/bench/fleet/test_collect.py::test_equal_files_do_not_take_turns",),
    ),
    Fault(
        name="fleet-overwrite",
        claim="A host writes over no file of another session (docs/fleet.md)",
        fault="a file of other runs takes the place of the last",
        file="bench/fleet/collect.py",
        old='return "earlier" if new < old else "another"',
        new='return "earlier" if new < old else "later"',
        tests=("tests/bench/fleet/test_collect.py::test_a_file_of_another_session_stays_as_it_is",),
    ),
    Fault(
        name="fleet-path",
        claim="A host names no file but a session's (docs/fleet.md)",
        fault="any name that can be printed is fetched",
        file="bench/fleet/collect.py",
        old="if FINAL.fullmatch(file.name) and file.name.isprintable()",
        new="if file.name.isprintable()",
        tests=(
            "tests/bench/fleet/test_collect.py::test_a_name_that_no_session_writes_is_not_even_asked_for",
        ),
    ),
    Fault(
        name="fleet-refused",
        claim="Five refused files of a host are kept, and no more (docs/fleet.md)",
        fault="all of them are",
        file="bench/fleet/collect.py",
        old="if self.refused[record.host.name] >= MOST_REFUSED:",
        new="if self.refused[record.host.name] < 0:",
        tests=(
            "tests/bench/fleet/test_collect.py::test_of_a_host_that_means_harm_little_is_kept_and_told",
        ),
    ),
    Fault(
        name="fleet-beside",
        claim="Nothing is set up beside a session that measures (docs/fleet.md)",
        fault="each new connection sets the host up again",
        file="bench/fleet/watch.py",
        old='if record.is_set_up and self.what != "set up":',
        new="if record.done:",
        tests=(
            "tests/bench/fleet/test_watch.py::test_a_lost_worker_or_connection_finds_the_same_session_again",
        ),
    ),
    Fault(
        name="fleet-cut-off",
        claim="A session goes on by itself three times at most (docs/fleet.md)",
        fault="it goes on for ever",
        file="bench/fleet/watch.py",
        old="if self._starts > RESUMES:",
        new="if self._starts < 0:",
        tests=(
            "tests/bench/fleet/test_watch.py::test_a_session_that_was_cut_off_is_gone_on_with_but_not_for_ever",
            "tests/bench/fleet/test_watch.py::test_a_host_that_never_has_its_session_is_not_asked_for_ever",
        ),
    ),
    Fault(
        name="fleet-clock",
        claim="A wrong clock on a host is named (docs/fleet.md)",
        fault="an hour is no matter",
        file="bench/fleet/watch.py",
        old="CLOCK_SECONDS = 60.0",
        new="CLOCK_SECONDS = 6000.0",
        tests=("tests/bench/fleet/test_watch.py::test_a_wrong_clock_is_named_with_its_size",),
    ),
    Fault(
        name="fleet-set-up-stop",
        claim="Ctrl-C ends what is being set up at once (docs/fleet.md)",
        fault="it is waited for",
        file="bench/fleet/watch.py",
        old="await asyncio.wait((working, asked), return_when=asyncio.FIRST_COMPLETED)",
        new="await asyncio.wait((working,))",
        tests=("tests/bench/fleet/test_watch.py::test_ctrl_c_ends_setting_up",),
    ),
    Fault(
        name="fleet-terminal",
        claim="The coordinator's key is deleted when its terminal is closed (docs/fleet.md)",
        fault="the signal of it ends the process",
        file="bench/fleet/run.py",
        old="        handlers[signal.SIGHUP] = leave\n",
        new="        pass\n",
        tests=(
            "tests/bench/fleet/test_run.py::test_a_terminal_that_is_closed_leaves_the_hosts_and_no_key",
        ),
    ),
    Fault(
        name="fleet-place",
        claim="A name never stands for two computers (docs/fleet.md)",
        fault="another list may give it to another",
        file="bench/fleet/state.py",
        old="    _check_names(fleets, hosts)\n",
        new="",
        tests=(
            "tests/bench/fleet/test_state.py::test_a_name_with_results_stands_for_no_other_computer",
        ),
    ),
    Fault(
        name="fleet-commit",
        claim="A session of another commit is not gone on with (docs/fleet.md)",
        fault="it is",
        file="bench/fleet/__main__.py",
        old="if asked.resume and now != commit:",
        new="if asked.resume and not commit:",
        tests=(
            "tests/bench/fleet/test_command.py::test_a_session_of_another_commit_is_not_gone_on_with",
        ),
    ),
)


def page() -> str:
    """The text of docs/claims.md."""
    lines = [
        "# Every claim, a fault that breaks it, and the test that names it",
        "",
        "Each row has a claim, a mistake that would make it untrue, and the tests that fail with that",
        "mistake in the code. The command below makes each mistake in a copy of the checkout, runs the",
        "tests and says whether each of them failed. Those in `test_parity.py`, `test_gate.py` and",
        "`test_resume_exact.py` take minutes, because they run both frameworks. `test_learning.py`",
        "needs CIFAR-10: set `ALEXNET_DATA` to a folder that holds `cifar-10-batches-bin`.",
        "",
        "```sh",
        ".venv/bin/python -m tests.faults                 # all of them",
        ".venv/bin/python -m tests.faults md5 padding     # some, by name",
        "```",
        "",
        "The table is made of `tests/faults.py` by the same command with `--write`.",
        "",
        "| name | claim | planted fault | named by |",
        "|---|---|---|---|",
    ]
    for fault in FAULTS:
        tests = ", ".join(f"`{test.removeprefix('tests/')}`" for test in fault.tests)
        texts = (f"`{fault.name}`", fault.claim, f"{fault.fault} (`{fault.file}`)", tests)
        lines.append(f"| {' | '.join(text.replace('|', '&#124;') for text in texts)} |")
    return "\n".join(lines) + "\n"


def plant(fault: Fault, folder: Path) -> None:
    """Copies the files that git does not ignore into `folder` and plants the fault there."""
    command = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    names = subprocess.check_output(command, cwd=ROOT, text=True).split("\0")
    for name in names:
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    file = folder / fault.file
    text = file.read_text(encoding="utf-8")
    assert text.count(fault.old) == 1, f"{fault.name}: its snippet stands {text.count(fault.old)} times"
    file.write_text(text.replace(fault.old, fault.new), encoding="utf-8")


class Planter:
    """Runs tests on faulty copies; `stop` kills the running tests and their children."""

    def __init__(self, folder: Path, *, whole_files: bool) -> None:
        self.folder, self.whole_files = folder, whole_files
        self._children: list[subprocess.Popen[str]] = []
        self._stopped = False

    def failing(self, fault: Fault) -> list[str]:
        """The tests that fail with the fault, without parameters, in pytest's order."""
        with TemporaryDirectory(dir=self.folder, ignore_cleanup_errors=True) as folder:
            copy, temporary = Path(folder) / "copy", Path(folder) / "tmp"
            temporary.mkdir()
            plant(fault, copy)
            return list(dict.fromkeys(FAILED.findall(self._pytest(fault, copy, temporary))))

    def _pytest(self, fault: Fault, copy: Path, temporary: Path) -> str:
        tests = [test.split("::")[0] for test in fault.tests] if self.whole_files else fault.tests
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=no", "-rfE"]
        command += ["-x"] * (len(tests) == 1 and not self.whole_files) + list(dict.fromkeys(tests))
        # PYTHONPATH precedes the editable install, for children too. TMPDIR gives the copy its own lock.
        environment = os.environ | {"PYTHONPATH": str(copy), "TMPDIR": str(temporary)}
        child = subprocess.Popen(
            command,
            cwd=copy,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._children.append(child)
        if self._stopped:  # stop() came while the child was starting
            _kill(child)
        try:
            return child.communicate(timeout=MAX_SECONDS)[0]
        except subprocess.TimeoutExpired:
            return ""
        finally:
            _kill(child)

    def stop(self) -> None:
        self._stopped = True
        for child in self._children:
            _kill(child)


def _kill(child: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)


def line(fault: Fault, failing: list[str]) -> str:
    """One line that says which tests failed with the fault."""
    if passing := [test for test in fault.tests if test not in failing]:
        also = f" (but by {', '.join(failing)})" if failing else ""
        return f"{fault.name}: NOT NAMED by {', '.join(passing)}{also}"
    return f"{fault.name}: named by {', '.join(failing)}"


def main(arguments: list[str] | None = None) -> int:
    """Returns 0 if each fault makes all of its tests fail, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="some of the faults; default: all")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="number of faults at once")
    parser.add_argument("--files", action="store_true", help="run the whole files of the tests")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE} and run nothing")
    options = parser.parse_args(arguments)
    if options.write:
        (ROOT / PAGE).write_text(page(), encoding="utf-8")
        return 0
    if unknown := set(options.names) - {fault.name for fault in FAULTS}:
        parser.error(f"there is no fault {', '.join(sorted(unknown))}")
    chosen = [fault for fault in FAULTS if not options.names or fault.name in options.names]
    status = 0
    with TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as folder:
        planter = Planter(Path(folder), whole_files=options.files)
        with ThreadPoolExecutor(options.jobs) as pool:
            try:
                for fault, failing in zip(chosen, pool.map(planter.failing, chosen), strict=True):
                    status |= not set(fault.tests) <= set(failing)
                    print(line(fault, failing), flush=True)
            except KeyboardInterrupt:
                pool.shutdown(wait=False, cancel_futures=True)
                planter.stop()
                return 130
    return status


if __name__ == "__main__":
    sys.exit(main())
