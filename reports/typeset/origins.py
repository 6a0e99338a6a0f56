"""Where it all comes from: settings, recipes, runs, files, and what was left out."""

from __future__ import annotations

from typing import Any

from alexnet.data import DATASETS
from reports import words
from reports.document import Table, say
from reports.study.compare import Study
from reports.tables import glance, origins
from reports.typeset import names
from reports.typeset.build import MOST_ROWS, figures, fit, kinds_of, line, table, text
from reports.typeset.names import CELL, ON_MACHINE, known, significant, yes_no

HASH_LETTERS = 12


def tables(study: Study) -> dict[str, Table]:
    """Under the keys settings, recipes, others, apart, skipped, left_out, runs, sources."""
    return {
        **_settings(study),
        **_recipes(study),
        **_others(study),
        **_apart(study),
        **_skipped(study),
        **_left_out(study),
        **_runs(study),
        **_sources(study),
    }


def _settings(study: Study) -> dict[str, Table]:
    shown, left_out = fit(origins.settings(study), study)
    rows = list(shown.itertuples())
    fields = [
        text("Setting", shown["setting"]),
        text("Stands for", [_session(row) for row in rows]),
        text("Differs from the usual way in", names.joined(shown["differs"]), absent=line("")),
        figures("Runs", [words.count(row.runs) for row in rows]),
        figures("Valid", [words.count(row.valid) for row in rows]),
        figures("Machines", [words.count(row.machines) for row in rows]),
    ]
    caption = [
        line("Only runs of one setting are compared with each other."),
        say("The report is about setting {letter}.", letter=study.main),
    ]
    return table("settings", "The settings", fields, caption, left_out=left_out)


def _session(row: Any) -> str:
    images = (
        words.count(row.test_images, "test image")
        if not words.missing(row.test_images)
        else "all test images"
    )
    dataset = DATASETS.get(row.dataset, row.dataset)
    return f"profile {row.profile}, {dataset} at {row.image_size:g} px, {images}"


def _recipes(study: Study) -> dict[str, Table]:
    shown, left_out = fit(origins.recipes(study), study)
    rows = list(shown.itertuples())
    fields = [
        text("Setting", shown["setting"]),
        text("Experiment", names.experiments(shown)),
        text("Network", shown["variant"]),
        text("First weights", [known(row.weights_origin) for row in rows]),
        figures("Training images", [words.count(row.train_images) for row in rows]),
        figures("Images a batch", [words.count(row.batch_size) for row in rows]),
        figures("Epochs at most", [words.count(row.epochs_cap) for row in rows]),
        figures("Patience", [words.count(row.patience) for row in rows]),
        text("Learning rate", names.joined(shown["learning_rates"], " then ")),
        figures("Runs", [words.count(row.runs) for row in rows]),
    ]
    caption = [
        line(
            "How each experiment was trained; patience is how many epochs without a better"
            " validation loss end it. All are trained by SGD with momentum 0.9."
        )
    ]
    return table("recipes", "How the experiments were trained", fields, caption, left_out=left_out)


def _others(study: Study) -> dict[str, Table]:
    shown, left_out = fit(glance.others(study), study)
    fields = [
        text("Setting", shown["setting"]),
        text("Machine", shown["machine"], ON_MACHINE),
        text("Device", names.devices(shown), names.ON_DEVICE),
        text("System", names.systems(shown)),
        text("State", shown["state"]),
        figures("Epochs", [words.number(value, "g") for value in shown["epochs"]]),
        figures("s/epoch", significant(shown["seconds_per_epoch"])),
        figures("images/s", significant(shown["images_per_second"])),
        figures("Memory, GB", [words.gigabytes(value, "") for value in shown["grown_host_bytes"]]),
        text("Runs", names.runs(shown["runs"])),
    ]
    caption = [
        line(
            "Runs of other settings, for whoever looks for them; they are in no comparison"
            " above that is of the main setting."
        )
    ]
    return table(
        "others", "Runs of other settings", fields, caption, kinds=kinds_of(shown), left_out=left_out
    )


def _apart(study: Study) -> dict[str, Table]:
    shown, left_out = fit(origins.apart(study), study)
    fields = [
        text("Run", shown["run"]),
        text("Machine", shown["machine"], ON_MACHINE),
        text(CELL, shown["cell"]),
        text("Setting", shown["setting"], "All of setting {value}."),
        text("What became of it", shown["validity"]),
        text("Reason", names.joined(words.reasons(run) for run in shown.to_dict("records"))),
    ]
    caption = [
        line("These runs are kept and shown, and are in no comparison."),
        line("An invalid run ended and is not to be trusted; a failed one has no result."),
    ]
    return table("apart", "Runs that do not count", fields, caption, left_out=left_out)


def _skipped(study: Study) -> dict[str, Table]:
    frame = origins.skipped(study)
    shown = frame.head(MOST_ROWS)
    fields = [
        text("Machine", shown["machine"], ON_MACHINE),
        text(CELL, shown["cell"]),
        text("Reason", shown["reason"]),
    ]
    caption = [line("Runs that a session was to make and did not.")]
    return table("skipped", "What was not run", fields, caption, left_out=len(frame) - len(shown))


def _left_out(study: Study) -> dict[str, Table]:
    shown, left_out = fit(origins.left_out(study), study)
    fields = [
        text("File", shown["name"]),
        text("Why", [words.left_out(row) for row in shown.itertuples()]),
    ]
    caption = [line("Files, and parts of files, that are not in this report.")]
    return table("left_out", "What could not be used", fields, caption, left_out=left_out)


def _runs(study: Study) -> dict[str, Table]:
    """All of them, however many: each number's runs have their row here, and so their file."""
    shown = origins.runs(study)
    fields = [
        text("Run", shown["run"]),
        text("Machine", shown["machine"]),
        text(CELL, shown["cell"]),
        text("Setting", shown["setting"]),
        text("Validity", shown["validity"]),
        text("File", shown["file"]),
        text("Started", [known(value) for value in shown["started_at"]]),
        text("sha256", [value[:HASH_LETTERS] for value in shown["sha256"]]),
    ]
    seed = "its seed and repeat" if shown["repeat"].any() else "its seed"
    caption = [
        line(
            f"A cell is experiment, framework and device; a run is a cell with {seed}. The sha256 is of"
            " the whole file, here its first 12 digits."
        )
    ]
    return table("runs", "Every run", fields, caption, kinds=kinds_of(shown))


def _sources(study: Study) -> dict[str, Table]:
    """All of them, however many."""
    shown = origins.sources(study)
    fields = [
        text("File", shown["name"]),
        text("Machine", shown["machine"], ON_MACHINE),
        figures("MB", [words.number(value, ",.2f", 1e-6) for value in shown["bytes"]]),
        text("Seals fit", [yes_no(value) for value in shown["checksums_fit"]]),
        text("sha256", shown["sha256"]),
    ]
    caption = [line("A seal that fits says that the run was not changed since it was saved.")]
    return table("sources", "The files", fields, caption)
