"""The report's plots: each a question that is asked of the study, drawn where there is an answer."""

from __future__ import annotations

import gc

from reports.document import Picture
from reports.plots import answers, classes, compared, cost, drift, learning, memory, network, speed
from reports.plots.pick import experiments
from reports.study.compare import Study

BEFORE_RATIOS = (
    *(learning.learning, learning.overfitting, speed.seconds_per_epoch),
    compared.machine_ratios,
)
BEFORE_CONFUSIONS = (
    *(cost.accuracy_over_time, cost.time_to_accuracy, cost.energy_to_accuracy),
    *(memory.memory, network.parameters_by_layer, classes.class_accuracy),
)
AFTER_CONFUSIONS = (answers.images_and_answers, drift.speed_drift)


def pictures(study: Study) -> dict[str, Picture]:
    """Key -> picture, in the order of reading; what has nothing to show is not there."""
    gc.freeze()  # else each figure's many small objects set off a search through the whole study
    try:
        found = [
            *(plot(study) for plot in BEFORE_RATIOS),
            *compared.engine_ratios(study),
            *(plot(study) for plot in BEFORE_CONFUSIONS),
            *(classes.confusion(study, experiment) for experiment in experiments(study.runs)),
            *(plot(study) for plot in AFTER_CONFUSIONS),
        ]
    finally:
        gc.unfreeze()
    return {picture.key: picture for picture in found if picture is not None}
