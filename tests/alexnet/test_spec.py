"""The layer tables against the exact parameter counts, shapes and costs."""

from __future__ import annotations

import pytest

from alexnet import spec
from alexnet.layers import IllegalNetwork
from alexnet.spec import VARIANTS, mistaken_changes, network

PARAMETERS = {
    ("standard", 10): 58_322_314,
    ("extra-dense", 10): 62_388_354,
    ("mistaken", 1000): 202_839_952,
    ("torchvision", 10): 57_044_810,
    ("torchvision", 1000): 61_100_840,
}

# The Keras summary of the report, layer by layer.
REPORTED_LAYERS = [34_944, 614_656, 885_120, 1_327_488, 884_992, 37_752_832, 16_781_312, 40_970]


@pytest.mark.parametrize(("variant", "classes"), PARAMETERS)
def test_parameters_are_the_law(variant: str, classes: int) -> None:
    assert network(variant, classes=classes).parameters == PARAMETERS[variant, classes]


def test_the_law_names_every_variant_with_its_own_classes() -> None:
    assert {(name, variant.classes) for name, variant in VARIANTS.items()} <= set(PARAMETERS)


def test_the_standard_network_has_the_reports_layers() -> None:
    rows = [row.parameters for row in network("standard").rows if row.parameters]
    assert rows == REPORTED_LAYERS


def test_shapes_follow_the_paper() -> None:
    shapes = {row.layer.name: row.output_shape for row in network("standard").rows}
    assert shapes["conv1"] == (96, 55, 55)
    assert shapes["pool1"] == (96, 27, 27)
    assert shapes["pool2"] == (256, 13, 13)
    assert shapes["pool5"] == (256, 6, 6)
    assert shapes["flatten"] == (9216,)
    assert network("mistaken").flattened == ("fc6", (256, 13, 13))


def test_flops_match_torchvisions_own_figure() -> None:
    """torchvision's model card says 0.714 G multiply-adds; two FLOPs each."""
    assert network("torchvision", classes=1000).forward_flops / 2e9 == pytest.approx(0.714, abs=5e-4)


def test_bytes_are_four_a_parameter() -> None:
    rows = network("mistaken").rows
    assert sum(row.parameter_bytes for row in rows) == 811_359_808  # the report's 773.77 MiB
    assert rows[0].activation_bytes == 96 * 55 * 55 * 4


def test_dropout_stands_after_the_hidden_layers_and_before_them_in_torchvision() -> None:
    names = [layer.name for layer in spec.STANDARD]
    assert names.index("fc6") < names.index("drop6") < names.index("fc7")
    names = [layer.name for layer in spec.TORCHVISION]
    assert names.index("drop6") < names.index("fc6") < names.index("drop7") < names.index("fc7")


def test_every_extra_parameter_of_the_mistaken_network_is_explained() -> None:
    extras = {change.what: change.extra_parameters for change in mistaken_changes()}
    assert extras == {
        "no dropout": 0,
        "an extra linear Dense(1000)": 4_066_040,
        "no third pool": 139_460_608,
        "1000 outputs for 10 classes": 990_990,
    }
    assert sum(extras.values()) == 144_517_638


@pytest.mark.parametrize(
    ("variant", "size", "names"),
    [
        ("standard", 6, "conv1"),
        ("standard", 32, "pool5"),
        ("mistaken", 20, "pool2"),
        ("torchvision", 160, "avgpool"),
        ("standard", 0, "conv1"),
    ],
)
def test_an_illegal_size_names_the_layer(variant: str, size: int, names: str) -> None:
    with pytest.raises(IllegalNetwork, match=f"{variant} cannot take images of {size} px: {names}"):
        network(variant, image_size=size)


def test_the_smallest_legal_size_has_a_map_of_one() -> None:
    assert network("standard", image_size=63).flattened[1] == (256, 1, 1)
    with pytest.raises(IllegalNetwork):
        network("standard", image_size=62)


@pytest.mark.parametrize(
    ("variant", "classes", "match"),
    [
        ("alexnet", None, "no variant 'alexnet'; there are standard"),
        ("standard", 0, "0 classes"),
    ],
)
def test_an_unknown_variant_and_no_classes_are_sentences(
    variant: str, classes: int | None, match: str
) -> None:
    with pytest.raises(IllegalNetwork, match=match):
        network(variant, classes=classes)


def test_without_dropout_keeps_every_tensor() -> None:
    net = network("torchvision")
    bare = net.without_dropout()
    assert bare.tensors == net.tensors
    assert {row.layer.name for row in net.rows} - {row.layer.name for row in bare.rows} == {
        "drop6",
        "drop7",
    }
