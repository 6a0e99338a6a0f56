"""Canonical weights: drawn, converted, saved, and refused if they do not fit."""

from __future__ import annotations

import math
import os
import ssl
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import certifi
import numpy as np
import pytest
import safetensors.numpy

from alexnet import imagenet, spec, weights
from alexnet.imagenet import CarryOver
from alexnet.spec import VARIANTS, network
from alexnet.weights import WeightsError
from tests.support.closed import TOO_LONG, folder_of_this_user, not_as_root
from tests.support.narrow import narrow_network, narrow_variants

NET = network("standard", image_size=64)
NARROW = narrow_network("standard", 16, image_size=64)


FIRST_BITS = {
    (0, "conv1.weight"): ("3d831fec", "bcc3e1f8", "3df358d7"),
    (0, "fc8.weight"): ("3cf365e6", "3c893d8b", "3d0f5db0"),
    (7, "fc6.weight"): ("3d9abffa", "bd9b5b25", "be04cb7e"),
}
"""(seed, tensor) -> bits (hex) of its first two weights and its last, float32, on any platform."""
FINGERPRINTS = {
    0: "ee0fa94286b1b974b88c15a3351dcf9490f584c064ea5f97c21aee2fbbc20895",
    7: "5baba7e4ab3e6c4b58771d184c65b3f7c4a2243cf3ae26deedb714eefa3e5145",
}
"""Seed -> the fingerprint of all 21.6 million, which a single other bit would change."""


def test_they_are_he_uniform_with_zero_biases() -> None:
    drawn = weights.initialise(NET, seed=0)
    assert set(drawn) == set(NET.tensors)
    for name, array in drawn.items():
        assert array.dtype == np.float32
        if name.endswith("bias"):
            assert not array.any()
        else:
            inputs = np.prod(array.shape[1:])
            # The spread of a standard deviation over n draws is 1/sqrt(2n): 2 % for the smallest.
            assert array.std() == pytest.approx(np.sqrt(2 / inputs), rel=0.02), name
            assert abs(array.mean()) < 5 * array.std() / np.sqrt(array.size), name
            # Of n draws the largest is a share of 1/n below the bound on average; conv1 has 34,848.
            assert np.sqrt(6 / inputs) * 0.999 < np.abs(array).max() <= np.sqrt(6 / inputs), name


@pytest.mark.parametrize(("seed", "name"), FIRST_BITS)
def test_the_bits_of_a_few_weights_are_known(seed: int, name: str) -> None:
    flat = weights.initialise(NET, seed=seed)[name].ravel()
    found = tuple(f"{bits:08x}" for bits in flat[[0, 1, -1]].view(np.uint32))
    assert found == FIRST_BITS[seed, name]


@pytest.mark.parametrize("seed", FINGERPRINTS)
def test_the_fingerprint_of_all_weights_is_known(seed: int) -> None:
    assert weights.fingerprint(weights.initialise(NET, seed=seed)) == FINGERPRINTS[seed]


def test_a_weight_is_an_odd_integer_from_its_word_times_the_scale() -> None:
    """Worked out in Python's integers and in float64, where the product of 25 and 24 bits is exact."""
    seed, name = 7, "fc8.weight"
    scale = np.float32(math.sqrt(6 / 4096) / 2**24)
    words = np.random.PCG64([seed, zlib.crc32(name.encode())]).random_raw(1_000)
    exact = [(2 * (int(word) >> 40) + 1 - 2**24) * float(scale) for word in words]
    drawn = weights.initialise(NET, seed=seed)[name].ravel()[:1_000]
    np.testing.assert_array_equal(drawn, np.array(exact, np.float32))


def test_they_need_none_of_numpys_float_distributions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those call the platform's own maths library."""

    def refuse(*arguments: Any, **named: Any) -> None:
        raise AssertionError("a float distribution was asked for")

    for name in ("default_rng", "Generator", "RandomState"):
        monkeypatch.setattr(np.random, name, refuse)
    with pytest.raises(AssertionError, match="a float distribution"):
        weights.initialise_by_normals(NARROW, seed=0)
    assert weights.initialise(NARROW, seed=0)


def test_it_does_not_matter_how_many_words_are_drawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = weights.fingerprint(weights.initialise(NARROW, seed=3))
    monkeypatch.setattr(weights, "DRAWN_WORDS", 1_000)
    assert max(np.prod(shape) for shape in NARROW.tensors.values()) > 5_000
    assert weights.fingerprint(weights.initialise(NARROW, seed=3)) == whole


def test_the_seed_decides_and_a_layer_of_the_same_shape_starts_the_same() -> None:
    first, same, different = (weights.initialise(NET, seed=s) for s in (1, 1, 2))
    assert weights.fingerprint(first) == weights.fingerprint(same) != weights.fingerprint(different)
    larger = weights.initialise(network("standard"), seed=1)
    assert larger["fc6.weight"].size > first["fc6.weight"].size
    for name in ("conv3.weight", "fc7.weight", "fc8.weight"):  # before and after it
        np.testing.assert_array_equal(first[name], larger[name])


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(
    "conversions", [weights.channels_last, weights.channels_last_outputs_first], ids=lambda f: f.__name__
)
def test_a_conversion_and_its_inverse_change_nothing(conversions: Any, variant: str) -> None:
    net = narrow_network(variant, 4, image_size=64)
    drawn = weights.initialise(net, seed=0)
    assert list(conversions(net)) == list(drawn)
    for name, conversion in conversions(net).items():
        assert conversion.description in weights.LAYOUTS[drawn[name].ndim]
        converted = conversion.to_framework(drawn[name])
        np.testing.assert_array_equal(conversion.to_canonical(converted), drawn[name])


@pytest.mark.parametrize("shape", [(300, 130), (128, 256), (1, 1), (3, 5, 7, 2), (9,)])
def test_a_transposed_array_is_copied_in_c_order(shape: tuple[int, ...]) -> None:
    drawn = np.random.default_rng(0).random(shape, np.float32)
    copy = weights.contiguous(drawn.T)
    assert copy.flags.c_contiguous
    assert copy.dtype == np.float32
    np.testing.assert_array_equal(copy, drawn.T)
    assert weights.contiguous(drawn) is drawn, "nothing is copied that is in C order already"


def test_the_first_dense_is_reordered_so_that_it_sees_the_same_pixels() -> None:
    """A dot product with an image flattened in either order; a mere transposition would break it."""
    net = network("mistaken", image_size=64)
    name, chw = net.flattened
    matrix = weights.initialise(net, seed=0)[f"{name}.weight"]
    image = np.random.default_rng(0).standard_normal(chw)
    converted = weights.channels_last(net)[f"{name}.weight"].to_framework(matrix)
    channels_last = image.transpose(1, 2, 0).ravel() @ converted
    np.testing.assert_allclose(channels_last, matrix @ image.ravel(), rtol=1e-5, atol=1e-5)
    assert not np.allclose(image.transpose(1, 2, 0).ravel() @ matrix.T, matrix @ image.ravel())
    outputs_first = weights.channels_last_outputs_first(net)[f"{name}.weight"].to_framework(matrix)
    np.testing.assert_array_equal(outputs_first, converted.T)


def test_a_kernel_with_outputs_first_has_its_channels_last() -> None:
    kernel = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)
    converted = weights.channels_last_outputs_first(NET)["conv2.weight"].to_framework(kernel)
    assert converted.shape == (2, 4, 5, 3)
    assert converted[1, 3, 2, 0] == kernel[1, 0, 3, 2]


def test_saved_and_loaded_they_are_the_same(tmp_path: Path) -> None:
    drawn = weights.initialise(NET, seed=0)
    weights.save(tmp_path / "w.safetensors", drawn, metadata={"origin": "somewhere"})
    loaded = weights.load(tmp_path / "w.safetensors", NET)
    assert weights.fingerprint(loaded) == weights.fingerprint(drawn)
    assert weights.metadata(tmp_path / "w.safetensors") == {"origin": "somewhere"}
    assert [file.name for file in tmp_path.iterdir()] == ["w.safetensors"]


def test_weights_of_another_network_are_refused_by_name(tmp_path: Path) -> None:
    weights.save(tmp_path / "w.safetensors", weights.initialise(NET, seed=0), metadata={})
    with pytest.raises(WeightsError, match=r"wants fc6.weight as float32 \(4096, 9216\)"):
        weights.load(tmp_path / "w.safetensors", network("standard"))
    with pytest.raises(WeightsError, match=r"other tensors than these weights: extra.bias"):
        weights.load(tmp_path / "w.safetensors", network("extra-dense", image_size=64))


@pytest.mark.parametrize("values", [(np.nan,), (np.inf,), (np.inf, -np.inf)])
def test_a_file_with_values_that_are_not_finite_is_refused(
    tmp_path: Path, values: tuple[float, ...]
) -> None:
    drawn = weights.initialise(NET, seed=0)
    drawn["conv2.bias"][: len(values)] = values
    weights.check(drawn, NET)  # a trainer takes them: training may diverge, and the run says so
    weights.save(tmp_path / "w.safetensors", drawn, metadata={})
    with pytest.raises(WeightsError, match=r"the tensor conv2\.bias .* has values that are not finite"):
        weights.load(tmp_path / "w.safetensors", NET)


def test_the_largest_values_are_finite() -> None:
    drawn = weights.initialise(NET, seed=0)
    drawn["conv2.bias"][:] = np.finfo(np.float32).max
    weights.check_finite(drawn)


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux lists what is mapped")
def test_a_file_is_read_and_never_mapped_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some network and shared folders cannot be mapped."""
    file = tmp_path / "w.safetensors"
    weights.save(file, weights.initialise(NARROW, seed=0), metadata={})
    safe_open, mapped = safetensors.safe_open, list[bool]()

    @contextmanager
    def watched(*arguments: Any, **keywords: Any) -> Iterator[Any]:
        with safe_open(*arguments, **keywords) as opened:
            yield opened
            mapped.append(str(file) in Path("/proc/self/maps").read_text())

    for module in (safetensors, safetensors.numpy):
        monkeypatch.setattr(module, "safe_open", watched)
    weights.load(file, NARROW)
    weights.metadata(file)
    assert mapped == [False, False]
    with watched(file, "numpy", backend="mmap"):
        pass
    assert mapped[-1], "this test would see a file that is mapped"


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"not tensors at all"])
def test_a_file_that_is_no_safetensors_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.safetensors").write_bytes(content)
    with pytest.raises(WeightsError, match=r"bad.safetensors is not a readable safetensors file"):
        weights.load(tmp_path / "bad.safetensors", NET)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"there is no weights file .*none.safetensors"):
        weights.load(tmp_path / "none.safetensors", NET)


def test_a_new_head_is_drawn_by_the_seed_and_the_rest_stays() -> None:
    carried = weights.initialise(network("torchvision", classes=1000), seed=9)
    net = network("torchvision", image_size=64)
    first, second = (weights.with_new_head(carried, net, seed=s) for s in (1, 2))
    weights.check(first, net)
    assert first["fc8.weight"].shape == (10, 4096)
    assert not np.array_equal(first["fc8.weight"], second["fc8.weight"])
    assert first["fc7.weight"] is carried["fc7.weight"]


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """What SSL_CERT_FILE is when torchvision's download begins; nothing is downloaded."""
    seen: list[str | None] = []

    def download(file: Path) -> Path:
        seen.append(os.environ.get("SSL_CERT_FILE"))
        raise OSError("no network here")

    fake: Any = ModuleType("alexnet.frameworks.torch.torchvision_file")
    fake.cached_file = lambda: Path("/nowhere") / imagenet.TORCHVISION_FILE
    fake.download_torchvision = download
    monkeypatch.setitem(sys.modules, fake.__name__, fake)
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.setenv(name, "")  # so that it is as before afterwards, whatever sets it
        del os.environ[name]
    return seen


def without_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenSSL as in python.org's Python for macOS before its certificates are installed."""
    missing: Any = None
    paths = ssl.get_default_verify_paths()._replace(cafile=missing)
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)


def test_a_python_without_certificates_downloads_torchvisions_weights_with_certifis(
    trusted: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    without_certificates(monkeypatch)
    with pytest.raises(WeightsError, match="no network here"):
        imagenet.load_torchvision()
    assert trusted == [certifi.where()]
    # urllib's own context reads the variable: it now has certificates by which to judge a server.
    assert ssl.create_default_context().cert_store_stats()["x509_ca"] > 100


@pytest.mark.parametrize(
    ("variable", "value", "file"),
    [("SSL_CERT_FILE", "/company/ca.pem", "/company/ca.pem"), ("SSL_CERT_DIR", "/company", None)],
)
def test_a_users_own_certificates_stay(
    trusted: list[str | None],
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    file: str | None,
) -> None:
    without_certificates(monkeypatch)
    monkeypatch.setenv(variable, value)
    with pytest.raises(WeightsError):
        imagenet.load_torchvision()
    assert trusted == [file]


def test_a_systems_own_certificates_stay(
    trusted: list[str | None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = ssl.get_default_verify_paths()._replace(cafile=str(tmp_path / "ca.pem"))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
    with pytest.raises(WeightsError):
        imagenet.load_torchvision()
    assert trusted == [None]


def test_a_torchvision_file_with_the_wrong_hash_is_refused_unread(tmp_path: Path) -> None:
    file = tmp_path / imagenet.TORCHVISION_FILE
    file.write_bytes(b"cut short")
    with pytest.raises(WeightsError, match="should have a sha256 that begins with 7be5be79"):
        imagenet.load_torchvision(file)


def test_a_weights_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"cannot be read \(File name too long\)"):
        imagenet.load_torchvision(tmp_path / TOO_LONG)
    with folder_of_this_user() as folder:
        file = folder / "mine.pth"
        file.write_bytes(b"x")
        file.chmod(0o000)
        with (
            not_as_root(),
            pytest.raises(WeightsError, match=r"mine.pth cannot be read \(Permission denied\)"),
        ):
            imagenet.load_torchvision(file)


@pytest.fixture
def carried_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file as `carry-over` writes it, of a narrow network."""
    monkeypatch.setattr(spec, "VARIANTS", narrow_variants(16))
    drawn = weights.initialise(network("torchvision", classes=1000), seed=0)
    carried = CarryOver(weights=drawn, tensors=(), sha256="7be5be79", is_official=True)
    file = tmp_path / "torchvision-alexnet.safetensors"
    weights.save(file, drawn, metadata=imagenet.metadata(carried))
    return file


def test_carried_over_weights_are_those_that_were_written(carried_over: Path) -> None:
    imagenet.check_carried_over(carried_over)
    content = bytearray(carried_over.read_bytes())
    content[-1] ^= 1  # one bit of one weight: every shape and every value is still a sound one
    carried_over.write_bytes(content)
    with pytest.raises(WeightsError, match="does not hold the weights that were written to it"):
        imagenet.check_carried_over(carried_over)
    carried_over.write_bytes(content[:-1])
    with pytest.raises(WeightsError, match="is not a readable safetensors file"):
        imagenet.check_carried_over(carried_over)
    carried_over.unlink()
    with pytest.raises(WeightsError, match="there is no weights file"):
        imagenet.check_carried_over(carried_over)


def test_carried_over_weights_of_an_earlier_version_cannot_be_vouched_for(carried_over: Path) -> None:
    drawn = weights.load(carried_over, network("torchvision", classes=1000))
    weights.save(carried_over, drawn, metadata={"origin": "torchvision", "source_sha256": "7be5be79"})
    with pytest.raises(WeightsError, match="of an earlier version, without a hash"):
        imagenet.check_carried_over(carried_over)
