"""The two tables of docs/options.md, made of the code; `python -m tests.options_page` writes them."""

from __future__ import annotations

from collections.abc import Iterable

from alexnet.frameworks.registry import default_engines
from alexnet.recipe import EXPERIMENTS
from bench.paths import ROOT
from bench.plan.options import OPTIONS
from bench.plan.profiles import PROFILES, Profile

PAGE = ROOT / "docs" / "options.md"


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown."""
    header = tuple(header)
    lines = (header, ("---",) * len(header), *rows)
    return (
        "".join(f"| {' | '.join(line)} |\n" for line in lines)
        .replace("| ---", "|---")
        .replace("--- |", "---|")
    )


def _value(name: str) -> str:
    """What is to stand behind an option: its choices, the default one in bold, or a word for a value."""
    settings = OPTIONS[name]
    choices = settings.get("choices")
    if not choices:
        return f"`{settings['metavar']}`" if "metavar" in settings else "–"
    default = settings.get("default")
    return ", ".join(f"**`{each}`**" if each == default else f"`{each}`" for each in choices)


def _meaning(name: str) -> str:
    """The help text, which names this computer's default engines, with those of each platform."""
    text: str = OPTIONS[name]["help"]
    everywhere = default_engines("linux")
    on_macs = [engine for engine in default_engines("darwin") if engine not in everywhere]
    defaults = f"{', '.join(everywhere)}, and on Macs {', '.join(on_macs)}"
    return text.replace(f"default: {', '.join(default_engines())}", f"default: {defaults}")


def options_table() -> str:
    """Each option, its values and its meaning."""
    rows = ((f"`{name}`", _value(name), _meaning(name)) for name in OPTIONS)
    return table(("option", "value", "meaning"), rows)


def _number(value: int | None) -> str:
    return "all" if value is None else f"{value:,}"


def _by_experiment(profile: Profile, field: str, unlimited: str) -> str:
    """A limit of every cell, and those of experiments that have their own."""
    usual, own = getattr(profile.budget, field), profile.budgets
    text = unlimited if usual is None else f"{usual:,}"
    return "".join([text, *(f"; `{name}` {getattr(own[name], field):,}" for name in own)])


def profiles_table() -> str:
    """How much of the protocol each profile runs."""
    rows = (
        (
            f"`{name}`",
            f"{profile.image_size} px",
            _by_experiment(profile, "train_images", "all 45,000")
            if profile.epoch_seconds is None
            else f"as many steps as take {profile.epoch_seconds:g} s",
            _by_experiment(profile, "epochs", "the recipe's"),
            _number(profile.test_images),
            "all" if profile.experiments == tuple(EXPERIMENTS) else ", ".join(profile.experiments),
            str(profile.repeats),
            "yes" if profile.synthetic_allowed else "no",
        )
        for name, profile in PROFILES.items()
    )
    header = (
        *("profile", "images", "training images an epoch", "epochs at most", "test images"),
        *("experiments", "repeats", "stand-in images"),
    )
    return table(header, rows)


TABLES = {"profiles": profiles_table, "options": options_table}


def page(text: str) -> str:
    """The page's text with its tables made anew, each between two comments of its name."""
    for name, make in TABLES.items():
        begin, end = f"<!-- {name}: python -m tests.options_page -->\n", f"<!-- end of {name} -->"
        before, found, rest = text.partition(begin)
        _, ended, after = rest.partition(end)
        assert found, f"{PAGE.name} has no place for the table of {name}"
        assert ended, f"{PAGE.name} does not say where the table of {name} ends"
        text = f"{before}{begin}\n{make()}\n{end}{after}"
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
