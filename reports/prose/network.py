"""What the network of 202,839,952 parameters is, and what of it was trained here."""

from __future__ import annotations

from alexnet.layers import IllegalNetwork
from alexnet.spec import mistaken_changes, network
from reports.document import Number, Paragraph, Sentence
from reports.prose.parts import figure, ids, paragraph, put, row
from reports.published import IMAGE_SIZE
from reports.study.compare import Study

WORDS = {
    "no third pool": "leaving out the third pool",
    "an extra linear Dense(1000)": "the extra linear Dense(1000)",
    "1000 outputs for 10 classes": "having 1000 outputs for 10 classes",
}
"""The changes as `alexnet.spec` names them, as the beginning of a sentence has them."""


def mistaken(study: Study) -> tuple[Paragraph, ...]:
    """The extra parameters change by change, at the original report's image size and at ours."""
    standard, whole, told = _parts(IMAGE_SIZE)
    first = put(
        "The network that the original report trained by accident has {whole} parameters at"
        " {size} pixels a side, {extra} more than the standard one's {standard}.",
        whole=whole,
        standard=standard,
        size=figure(IMAGE_SIZE, "image size of the original report, pixels a side", ()),
        extra=_parameters(whole.value - standard.value, "more than standard", IMAGE_SIZE),
    )
    second = put("Of these, {told}; the original report named the extra layer alone.", told=row(told))
    return paragraph(first, second, _trained(study))


def _parameters(value: float, which: str, size: int) -> Number:
    return figure(value, f"parameters; {which}, {size} px, counted from the layer table", ())


def _parts(size: int) -> tuple[Number, Number, list[Sentence]]:
    """Parameters of the standard and the mistaken network, and what the changes bring, largest first."""
    changes = mistaken_changes(image_size=size)
    standard = network("standard", image_size=size).parameters
    extra = sorted((c for c in changes if c.extra_parameters), key=lambda c: -c.extra_parameters)
    told = [
        put(
            "{what} brings {n}" if number == 0 else "{what} {n}",
            what=WORDS.get(each.what, each.what),
            n=_parameters(each.extra_parameters, each.what, size),
        )
        for number, each in enumerate(extra)
    ]
    return (
        _parameters(standard, "standard", size),
        _parameters(changes[-1].network.parameters, "mistaken", size),
        told,
    )


def _trained(study: Study) -> Sentence | None:
    """What of it the main setting's runs trained."""
    own = study.runs[study.runs["experiment"] == "mistaken"]
    if own.empty:
        return put("It was not trained in the runs of this report that are valid.")
    size, runs = int(own["image_size"].iloc[0]), ids(own)
    if size == IMAGE_SIZE:
        return put(
            "That is the network that {n} of this report trained.",
            n=figure(len(own), "runs; mistaken", runs, "valid run"),
        )
    try:
        standard, whole, told = _parts(size)
    except IllegalNetwork:
        return None
    return put(
        "It was trained here at {size} pixels a side, where it has {whole} parameters and the standard"
        " network {standard}; {told} there.",
        size=figure(size, "image size, pixels a side", runs),
        whole=whole,
        standard=standard,
        told=told[0],
    )
