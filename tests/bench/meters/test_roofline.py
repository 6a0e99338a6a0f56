"""The roofline as it is measured on a paper device, and as it bounds a training step."""

from __future__ import annotations

import pytest

from alexnet.spec import network
from bench.meters.roofline import ROOFLINE_SECONDS, measure_roofline
from bench.records.flops import attainable_flops_per_second, training_bytes, training_flops
from bench.records.types import Roofline
from tests.support.paper_device import PaperDevice, paper_backend, use_as_clock


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> PaperDevice:
    paper = PaperDevice()
    use_as_clock(paper, monkeypatch)
    return paper


def test_the_roofline_is_the_best_that_was_seen(device: PaperDevice) -> None:
    """A third of the time something else slows the device down to a third of its speed."""
    backend = paper_backend(device, 2.0**40, factors=(1.0,) * 40 + (3.0,) * 20)
    backend.bytes_per_second = 2.0**36
    roofline = measure_roofline(backend)
    # The product takes 1/64 s at best, the addition 3/256 s; a call is a microsecond in a tenth of one.
    assert roofline.flops_per_second == pytest.approx(2.0**40, rel=1e-4)
    assert roofline.bytes_per_second == pytest.approx(2.0**36, rel=1e-4)
    assert backend.elements == [2**26], "256 MiB of float32"


def test_handing_kernels_over_is_no_part_of_the_roofline(device: PaperDevice) -> None:
    """Each takes as long as 16 calls: alone, it would be found 6 % too slow."""
    backend = paper_backend(device, 2.0**50)
    backend.bytes_per_second = 2.0**45
    roofline = measure_roofline(backend)
    assert roofline.flops_per_second == pytest.approx(2.0**50, rel=1e-3)
    assert roofline.bytes_per_second == pytest.approx(2.0**45, rel=1e-3)


def test_the_roofline_is_looked_for_at_least_a_second_each(device: PaperDevice) -> None:
    measure_roofline(paper_backend(device, 2.0**37))
    assert 2 * ROOFLINE_SECONDS <= device.now <= 2 * ROOFLINE_SECONDS + 1


# The standard network at 224 px, row by row: conv 55, pool 27, conv 27, pool 13, three convs 13, pool 6.
FORWARD_FLOPS = 2 * (
    96 * 3 * 11 * 11 * 55 * 55
    + 256 * 96 * 5 * 5 * 27 * 27
    + 384 * 256 * 3 * 3 * 13 * 13
    + 384 * 384 * 3 * 3 * 13 * 13
    + 256 * 384 * 3 * 3 * 13 * 13
    + 9216 * 4096
    + 4096 * 4096
    + 4096 * 10
)


PARAMETERS = (
    (34_848 + 96)
    + (614_400 + 256)
    + (884_736 + 384)
    + (1_327_104 + 384)
    + (884_736 + 256)
    + (37_748_736 + 4096)
    + (16_777_216 + 4096)
    + (40_960 + 10)
)


ACTIVATIONS = (
    290_400
    + 69_984  # conv1, pool1
    + 186_624
    + 43_264  # conv2, pool2
    + 64_896
    + 64_896
    + 43_264
    + 9_216  # conv3, conv4, conv5, pool5
    + 2 * 4_096
    + 10  # fc6, fc7, fc8; flattening moves nothing, dropout is done on the way
)


def test_the_work_of_a_step_is_three_times_the_forward_pass() -> None:
    assert FORWARD_FLOPS == 2_262_402_112
    assert training_flops(network("standard")) == 6_787_206_336


def test_the_bytes_of_a_step_are_eight_for_a_parameter_and_five_for_an_activation() -> None:
    assert (PARAMETERS, ACTIVATIONS) == (58_322_314, 780_746)
    net = network("standard")
    assert training_bytes(net, 1) == 8 * 4 * 58_322_314 + 5 * 4 * 780_746
    assert training_bytes(net, 128) == 8 * 4 * 58_322_314 + 128 * 5 * 4 * 780_746


@pytest.mark.parametrize(
    ("roof", "batch_size", "attainable"),
    [
        # At 128 images 6.787e9 * 128 operations over 3.865e9 bytes: 225 of them a byte.
        (Roofline(flops_per_second=10e12, bytes_per_second=400e9), 128, 10e12),
        (Roofline(flops_per_second=10e12, bytes_per_second=10e9), 128, 2.2478e12),
        # One image has the parameters to itself: 3.6 a byte.
        (Roofline(flops_per_second=10e12, bytes_per_second=400e9), 1, 1.4426e12),
    ],
    ids=["bound by arithmetic", "bound by memory", "one image"],
)
def test_what_is_attainable_is_the_lower_of_both_roofs(
    roof: Roofline, batch_size: int, attainable: float
) -> None:
    flops_per_second = attainable_flops_per_second(network("standard"), batch_size, roof)
    assert flops_per_second == pytest.approx(attainable, rel=1e-4)  # as many digits as are written above
