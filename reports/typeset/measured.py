"""What was measured in detail: how fast each system learns, how steady it is, what it costs."""

from __future__ import annotations

from itertools import chain

import pandas as pd

from reports import words
from reports.document import Table, say
from reports.study.compare import Study
from reports.study.learning import LevelKind
from reports.tables.resources import resources
from reports.tables.steadiness import steadiness
from reports.tables.systems import SYSTEM, Row, named, systems
from reports.tables.time_to_reach import LEVELS, time_to_reach
from reports.typeset import names
from reports.typeset.build import MOST_ROWS, few, figures, fit, line, table, text, which_machines
from reports.typeset.names import ON_DEVICE, ON_MACHINE, claims, no_energy, significant


def tables(study: Study) -> dict[str, Table]:
    """Under the keys time_to_reach, steadiness, resources."""
    return _time_to_reach(study) | _steadiness(study) | _resources(study)


def _time_to_reach(study: Study) -> dict[str, Table]:
    frame = time_to_reach(study)
    rows = list(systems(frame).items())
    all_keys = pd.DataFrame([named(key) for key, _ in rows], columns=list(SYSTEM))
    present = few(study, all_keys, rows=MOST_ROWS)
    shown = [(key, levels) for key, levels in rows if key[0] in present][:MOST_ROWS]
    if not frame["reached"].any():
        return {}
    keys = pd.DataFrame([named(key) for key, _ in shown])
    reached = dict.fromkeys(frame.loc[frame["reached"] > 0, "level"])
    never = [words.percent(level, 0) for level in LEVELS if level not in reached]
    nowhere = say("No run reached {levels}.", levels=words.listed(never))
    fields = [
        text("System", names.systems(keys)),
        text("Machine", keys["machine"], ON_MACHINE),
        text("Device", names.devices(keys), ON_DEVICE),
        *(
            figures(words.percent(level, 0), [_reached(row[place]) for _, row in shown], absent=nowhere)
            for place, level in enumerate(LEVELS)
        ),
        text("Runs", names.runs(levels[0]["runs"] for _, levels in shown)),
    ]
    caption = [
        line(
            "Time of training, evaluation not counted, until the validation accuracy had been at the"
            " level or above it for two epochs in a row, and in brackets the second of them: one alone"
            " may be noise."
        ),
        line("It is validation accuracy: the test images are looked at once, at the end."),
        line(
            "Of several runs it is the middle one, or the earlier of the middle two, and a run that"
            " never got there is later than all that did; a dash where fewer than half got there."
        ),
        *which_machines(frame, keys["machine"], study),
        *claims(study),
    ]
    left_out = len(rows) - len(shown)
    return table("time_to_reach", "Time to reach an accuracy", fields, caption, left_out=left_out)


def _reached(level: Row) -> str:
    kind: LevelKind = level["kind"]
    some = f"{level['reached']} of {level['of']} runs"
    match kind:
        case "never reached":
            return words.DASH
        case "reached by few":
            return f"{words.DASH} ({some})"
        case "reached":
            runs = "" if level["reached"] == level["of"] else f"; {some}"
            return f"{words.seconds(level['seconds'])} ({words.count(level['epoch'])}{runs})"


def _steadiness(study: Study) -> dict[str, Table]:
    frame = steadiness(study)
    shown, left_out = fit(frame, study)
    fields = [
        text("System", names.systems(shown)),
        text("Machine", shown["machine"], ON_MACHINE),
        text("Device", names.devices(shown), ON_DEVICE),
        figures(
            "Disturbed epochs",
            [f"{row.disturbed_epochs:g} of {row.steady_epochs:g}" for row in shown.itertuples()],
        ),
        figures(
            "Slow epochs",
            [words.count(value) for value in shown["slow_epochs"]],
        ),
        figures(
            "First third, images/s",
            significant(shown["early_images_per_second"]),
            absent=line("No run has the six undisturbed epochs that a drift takes."),
        ),
        figures("Last third, images/s", significant(shown["late_images_per_second"])),
        figures("Change", [words.signed_percent(v) for v in shown["drift"]]),
        figures("Device's change", [words.signed_percent(v) for v in shown["probe_drift"]]),
        figures("Fed", [words.times(v) for v in shown["pipeline_ratio"]]),
        figures(
            "Roofline, GFLOP/s", [words.significant(v / 1e9) for v in shown["roofline_flops_per_second"]]
        ),
        figures("Copy, GB/s", [words.significant(v / 1e9) for v in shown["roofline_bytes_per_second"]]),
        figures("Share of roofline", [words.percent(v, 0) for v in shown["roofline_share"]]),
        text("Runs", names.runs(shown["runs"])),
    ]
    caption = [
        line(
            "First and last third are medians of the timed epochs; the device's own change is the"
            " reference kernel's, before and after."
        ),
        line(
            "A disturbed epoch, during which other programs, a virtual machine's host, others on the GPU"
            " or sleep took the computer's time, is in no rate, unless all were. A slow one took over"
            " 10 % longer than the median, and nothing measured says why: it counts."
        ),
        line(
            "Fed is the rate of an epoch as a share of the same step on a batch already on the device:"
            " well below 1 the data are what is waited for, and above 1 is noise."
        ),
        line(
            "The roofline is what the framework got out of the device in a matrix product and a scaled"
            " copy, measured before; on a shared machine it moves, and a share near 100 % says as much"
            " of it as of the system."
        ),
        *which_machines(frame, shown["machine"], study),
    ]
    return table("steadiness", "Does it stay that fast?", fields, caption, left_out=left_out)


def _resources(study: Study) -> dict[str, Table]:
    frame = resources(study)
    shown, left_out = fit(frame, study)
    no_counter = line(
        "No framework counted memory of the device's own: on a CPU, and on Apple's chips,"
        " it is the host's."
    )
    energy = no_energy(study)
    measured = shown["joules_per_epoch"].notna().any()
    gpu_alone = shown["gpu_joules_per_epoch"].notna().any()
    meters = dict.fromkeys(chain(*shown["energy_reads"]))
    reads = [words.reads(meter) for meter in meters if meter.measured]
    fields = [
        text("System", names.systems(shown)),
        text("Machine", shown["machine"], ON_MACHINE),
        text("Device", names.devices(shown), ON_DEVICE),
        figures("After import, GB", [words.gigabytes(v, "") for v in shown["baseline_host_bytes"]]),
        figures("Grown by, GB", [words.gigabytes(v, "") for v in shown["grown_host_bytes"]]),
        figures(
            "Device's own, GB",
            [words.gigabytes(v, "") for v in shown["peak_device_bytes"]],
            absent=no_counter,
        ),
        figures("J/epoch", significant(shown["joules_per_epoch"]), absent=energy),
        figures("J/image", significant(shown["joules_per_image"]), absent=energy),
        figures("J to best epoch", significant(shown["joules_to_best_epoch"]), absent=energy),
        *(
            [figures("GPU alone, J/epoch", significant(shown["gpu_joules_per_epoch"]))]
            if gpu_alone
            else []
        ),
        figures("Idle, W", significant(shown["idle_watts"]), absent=None if measured else energy),
        text("Runs", names.runs(shown["runs"])),
    ]
    caption = [
        line(
            "Memory is the host's peak within the training epochs over what the process had after the"
            " framework's import."
        ),
        line(
            "Of several runs, memory and the joules of an epoch and an image are the geometric means"
            " that are compared, each session counting once; the other figures are medians."
        ),
        *which_machines(frame, shown["machine"], study),
        *(
            [
                say(
                    "Energy is processor and GPU together, idle draw included, whoever used it; read:"
                    " {reads}.",
                    reads=words.listed(reads[:3]),
                )
            ]
            if measured and reads
            else []
        ),
        *(
            [
                line(
                    "GPU alone is the GPU's own counter, of runs whose processor's energy was not"
                    " counted: less than the whole, and to be compared with no other column."
                )
            ]
            if gpu_alone
            else []
        ),
    ]
    return table("resources", "Memory and energy", fields, caption, left_out=left_out)
