"""The reference kernel on a paper device with a clock of its own."""

from __future__ import annotations

import pytest

from bench.meters import reference_kernel
from bench.meters.reference_kernel import ReferenceKernel
from tests.support.paper_device import PaperDevice, paper_backend, use_as_clock


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> PaperDevice:
    paper = PaperDevice()
    use_as_clock(paper, monkeypatch)
    return paper


def test_a_kernel_is_timed_from_an_idle_to_an_idle_device(device: PaperDevice) -> None:
    backend = paper_backend(device, 2.0**30)
    kernel = backend.product(1024, 512)  # one second
    device.give(7.0)
    assert reference_kernel.time_kernel(kernel) == pytest.approx(1.0, abs=1e-5)
    assert reference_kernel.time_kernel(kernel, repeats=3) == pytest.approx(3.0, abs=1e-5)


@pytest.mark.parametrize(
    ("flops_per_second", "repeats"),
    [
        (2.0**33, 1),  # one of them takes a quarter of a second
        (2.0**37, 1),  # 16 ms, which is nearer to 20 than 31
        (2.0**40, 10),  # 2 ms
        (2.0**44, 163),  # 0.122 ms and the call
    ],
)
def test_a_probe_repeats_a_small_product_until_it_takes_twenty_milliseconds(
    device: PaperDevice, flops_per_second: float, repeats: int
) -> None:
    kernel = ReferenceKernel(paper_backend(device, flops_per_second))
    assert kernel.flops == repeats * 2 * 1024**3
    assert kernel.measure() == pytest.approx(kernel.flops / flops_per_second, rel=1e-3)


@pytest.mark.parametrize("name", ["cpu", "mps", "cuda"])
@pytest.mark.parametrize("flops_per_second", [2.0**33, 2.0**44])
def test_a_probe_needs_little_of_the_memory_that_is_measured(
    device: PaperDevice, name: str, flops_per_second: float
) -> None:
    """However fast the device is: three square matrices of float32, 50 MB."""
    backend = paper_backend(device, flops_per_second)
    backend.device = name
    ReferenceKernel(backend)
    [size], [depth] = backend.sizes, backend.depths
    assert 4 * (2 * size * depth + size * size) < 51e6


def test_a_disturbance_does_not_make_a_probe_shorter(device: PaperDevice) -> None:
    kernel = ReferenceKernel(paper_backend(device, 2.0**40, factors=(10.0, 1.0, 10.0)))
    assert kernel.flops == 10 * 2 * 1024**3


def test_a_probe_shows_by_how_much_the_device_has_become_slower(device: PaperDevice) -> None:
    backend = paper_backend(device, 2.0**40)
    kernel = ReferenceKernel(backend)
    cold = kernel.measure()
    assert cold == pytest.approx(10 / 512, abs=1e-5)
    backend.flops_per_second /= 2
    assert kernel.measure() == pytest.approx(2 * cold, rel=1e-3)  # but for the calls


def test_what_disturbs_two_of_three_is_not_what_a_probe_finds(device: PaperDevice) -> None:
    """Whatever else runs only ever adds: the fastest is nearest to the device by itself."""
    backend = paper_backend(device, 2.0**40)
    kernel = ReferenceKernel(backend)
    backend.factors, backend.turn = (1.0,) * 9 + (50.0,) + (1.0,) * 10 + (3.0,) * 10, 0
    assert kernel.measure() == pytest.approx(10 / 512, abs=1e-5)
    backend.factors, backend.turn = (1.1,) * 30, 0
    assert kernel.measure() == pytest.approx(11 / 512, abs=1e-5), "slower in all three, it is slower"


def test_the_first_probe_is_no_colder_than_the_others(device: PaperDevice) -> None:
    """An idle device's clock takes 0.4 s of work to rise to thrice what it was."""
    backend = paper_backend(device, 2.0**40)
    kernel = ReferenceKernel(backend)
    backend.factors, backend.turn = (3.0,) * 70 + (1.0,) * 10_000, 0
    began = device.now
    assert kernel.measure_cold() == pytest.approx(10 / 512, abs=1e-5)
    assert 0.5 < device.now - began < 0.7, "half a second of work, then three kernels"
    assert kernel.measure_after(6.0) is not None, "what waking it took does not put off the next probe"


def test_a_probe_waits_until_it_costs_one_per_cent_of_the_training(device: PaperDevice) -> None:
    """Three kernels of 1/4 s are 0.75 s: they are due after 75 s, in however many epochs."""
    kernel = ReferenceKernel(paper_backend(device, 2.0**33))
    kernel.measure()
    assert [kernel.measure_after(seconds) is not None for seconds in (40.0, 34.0, 2.0)] == [
        False,
        False,
        True,
    ]
    assert [kernel.measure_after(seconds) is not None for seconds in (74.0, 0.9, 0.2)] == [
        False,
        False,
        True,
    ]
    assert [kernel.measure_after(seconds) is not None for seconds in (75.1, 600.0)] == [True, True]


def test_on_a_fast_device_every_epoch_of_six_seconds_has_a_probe(device: PaperDevice) -> None:
    """Thirty kernels of 1/512 s are 0.059 s."""
    kernel = ReferenceKernel(paper_backend(device, 2.0**40))
    kernel.measure()
    assert [kernel.measure_after(seconds) is not None for seconds in (6.0, 6.0, 5.0)] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize("epoch_seconds", [0.5, 3.0, 9.0, 60.0])
def test_probes_cost_no_more_than_one_per_cent(device: PaperDevice, epoch_seconds: float) -> None:
    kernel = ReferenceKernel(paper_backend(device, 2.0**33))
    kernel.measure()
    began, taken = device.now, 0
    for _ in range(200):
        taken += kernel.measure_after(epoch_seconds) is not None
    assert taken > 0
    assert device.now - began <= 0.01 * 200 * epoch_seconds
