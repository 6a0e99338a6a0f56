"""The original report's claims that arithmetic alone decides, worked out from the layer tables."""

from __future__ import annotations

from alexnet.data import CLASSES, TEST_IMAGES
from alexnet.spec import FLOAT32_BYTES, mistaken_changes, network
from reports.original import arithmetic as sums
from reports.original import published
from reports.original.claim import Claim
from reports.original.tolerance import ERRORS, VALIDATION_IMAGES
from reports.write.words import count

MISTAKEN = ("mistaken", published.KERAS)


def claims() -> tuple[Claim, ...]:
    """All of them, in the order in which the original makes them."""
    return (
        keras_layers(),
        one_network(),
        mistaken_parameters(),
        extra_dense(),
        four_hours(),
        unseen_test(),
        per_class(),
        carried_over(),
    )


def _decided(key: str, claim: str, *, holds: bool, reason: str) -> Claim:
    return Claim(key=key, claim=claim, state="confirmed" if holds else "contradicted", reason=reason)


def keras_layers() -> Claim:
    """The layer table of Keras's summary against the standard network's."""
    ours = tuple(row.parameters for row in network("standard").rows if row.parameters)
    total = sum(published.KERAS_LAYERS)
    return _decided(
        "keras_layers",
        "Keras's standard network has "
        + " · ".join(map(count, published.KERAS_LAYERS))
        + " parameters.",
        holds=ours == published.KERAS_LAYERS,
        reason=f"The layer table here has the same, one by one, and {count(total)} together.",
    )


def one_network() -> Claim:
    """Conv1's output in both frameworks."""
    net = network("standard")
    conv1 = net.rows[0].output_shape
    keras = sums.same_padding(published.IMAGE_SIZE, stride=4)
    flat = net.rows[[row.layer.name for row in net.rows].index("flatten")].output_shape[0]
    both = (
        f"both flatten to {count(flat)} inputs, so the parameters agree and the pixels do not"
        if sums.keras_flattens_to() == flat
        else f"they flatten to {count(flat)} and {count(sums.keras_flattens_to())} inputs"
    )
    return _decided(
        "one_network",
        "The network of scratch is the same in Keras (conv1 gives 56x56x96) and in PyTorch.",
        holds=conv1[1] == keras,
        reason=f"Keras's “same” padding gives {keras}x{keras}, padding 2 in PyTorch"
        f" {conv1[1]}x{conv1[2]}; {both}.",
    )


def mistaken_parameters() -> Claim:
    """The large figure, met to the last parameter."""
    net = network("mistaken")
    theirs = int(published.figure(*MISTAKEN, "parameters").value)
    megabytes = net.parameters * FLOAT32_BYTES / 1e6
    parts = " + ".join(map(count, sums.dense_parameters().values()))
    return _decided(
        "mistaken_parameters",
        "The mistaken network has 202,839,952 parameters (773.77 MB).",
        holds=net.parameters == theirs,
        reason=f"{parts} = {count(net.parameters)}: no third pool, Dense 4096, 4096 and 1000, and"
        " 1000 outputs; in float32"
        f" {sums.mebibytes(net.parameters):.2f} MiB, which are {megabytes:.2f} MB.",
    )


def extra_dense() -> Claim:
    """The cause that the report gave for the large figure."""
    alone = network("extra-dense").parameters
    theirs = int(published.figure(*MISTAKEN, "parameters").value)
    steps = {change.what: change.extra_parameters for change in mistaken_changes()}
    parts = ", ".join(f"{what} {count(extra)}" for what, extra in steps.items() if extra)
    return _decided(
        "extra_dense",
        "The extra Dense(1000) explains the 202,839,952 parameters.",
        holds=alone == theirs,
        reason=f"With it alone there are {count(alone)}. The {count(sum(steps.values()))} extra"
        f" ones: {parts}.",
    )


def four_hours() -> Claim:
    """The total time of the mistaken network against its epochs."""
    epoch = published.figure(*MISTAKEN, "seconds_per_epoch").value
    total = published.figure(*MISTAKEN, "total_seconds").value
    minutes = published.EPOCHS * epoch / 60
    return _decided(
        "four_hours",
        "The 20 epochs of the mistaken network take over 4 hours.",
        holds=published.EPOCHS * epoch > total,
        reason=f"{published.EPOCHS} epochs of {epoch / 60:g} min are {minutes:g} min; 4 hours would"
        f" be {total / 60:g}.",
    )


def unseen_test() -> Claim:
    """The doubtful test accuracy against the validation and the training accuracy."""
    test, validation, train = (
        published.figure(*MISTAKEN, what).value
        for what in ("test_accuracy", "validation_accuracy", "train_accuracy")
    )
    errors = sums.apart(test, TEST_IMAGES, validation, VALIDATION_IMAGES)
    return _decided(
        "unseen_test",
        "The mistaken network's accuracy on the test images is 0.9738.",
        holds=errors <= ERRORS,
        reason=f"The validation accuracy is {validation}. If both are of unseen images, they lie"
        f" {errors:.0f} standard errors apart. The training accuracy, {train}, is"
        f" {100 * abs(train - test):.2f} points away. Those test images were most likely training"
        " images.",
    )


def per_class() -> Claim:
    """Percentages of classes that 1,000 images each cannot give."""
    possible, legible = sums.legible_of_a_thousand()
    sizes = sums.sample_sizes()
    plane, scratch, pretrained = sizes["airplane"], *(each[0] for each in published.PER_CLASS.values())
    fit = "every class fits" if len(sizes) == len(CLASSES) else f"{len(sizes)} of {len(CLASSES)} fit"
    return _decided(
        "per_class",
        "The accuracies by class are of the 10,000 test images.",
        holds=possible == legible,
        reason=f"With 1,000 images a class every percentage has one decimal; only {possible} of the"
        f" {legible} legible ones do. {scratch:.2f} and {pretrained:.2f} are"
        f" {sums.right_of(scratch, plane)}/{plane} and"
        f" {sums.right_of(pretrained, plane)}/{plane}. In the same way {fit} a sample of"
        f" {sums.SAMPLE_SIZES[0]} to {sums.SAMPLE_SIZES[-1]} images, the same one for both networks.",
    )


def carried_over() -> Claim:
    """Weights behind Flatten in two orders of counting."""
    inputs, stay = sums.unmoved_inputs()
    return _decided(
        "carried_over",
        "Transposed convolutions and Dense matrices carry torchvision's weights over to Keras.",
        holds=stay == inputs,
        reason="Flatten orders its outputs by channel, row, column in PyTorch, and by row, column,"
        f" channel in Keras. Without reordering, {count(inputs - stay)} of the first Dense layer's"
        f" {count(inputs)} inputs get another input's weights.",
    )
