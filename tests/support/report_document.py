"""Sample documents for the tests of the renderers: a rich one, and one whose every text is hostile."""

from __future__ import annotations

import io
import random
from dataclasses import replace
from functools import cache

import matplotlib as mpl

mpl.use("Agg")

import pandas as pd
from matplotlib.figure import Figure

from reports.draw.palette import LIGHT
from reports.write.document import (
    Column,
    KeyFigure,
    Number,
    Paragraph,
    Picture,
    Report,
    RowKind,
    Section,
    Sentence,
    Table,
)

KINDS: tuple[RowKind, ...] = ("", "baseline", "failed", "invalid")
INVALID = "the gate's third check: layer conv2 is 3e-3 of the largest value away"


def words(text: str) -> Sentence:
    return Sentence((text,))


@cache
def drawing(title: str) -> str:
    """Two curves with error bars, in the house colours, as matplotlib writes them."""
    with mpl.rc_context({"svg.fonttype": "path", "svg.hashsalt": "report"}):
        figure = Figure(figsize=(7.2, 3.6), facecolor=LIGHT["paper"], layout="constrained")
        axes = figure.add_subplot(facecolor=LIGHT["paper"])
        axes.spines[:].set_color(LIGHT["rule"])
        for name, lift in (("torch", 1.0), ("tensorflow", 1.3)):
            rates = [300 + 20 * lift * step**0.5 for step in range(1, 13)]
            axes.errorbar(range(1, 13), rates, yerr=6, color=LIGHT[name], marker="o", label=name)
        axes.set_title(title, loc="left", color=LIGHT["ink"])
        axes.set_xlabel("epoch", color=LIGHT["muted"])
        axes.set_ylabel("images/s", color=LIGHT["muted"])
        axes.tick_params(colors=LIGHT["muted"])
        axes.grid(color=LIGHT["rule"], linewidth=0.6)
        axes.legend(frameon=False, labelcolor=LIGHT["ink"])
        out = io.StringIO()
        figure.savefig(out, format="svg")
    return out.getvalue()


def rate(text: str, value: float, *runs: str) -> Number:
    return Number(text=text, value=value, what="median of images per second, steady epochs", runs=runs)


RATIO = Number(
    text="1.17 [1.12, 1.21]",
    value=1.1654730,
    what="torch / TensorFlow, median of ratios of pairs with a bootstrap interval of 95 %",
    runs=("R1", "R2", "R3", "R4", "R5", "R6", "R9"),
)
TORCH = rate("1,284 images/s", 1284.3971204, "R1", "R2", "R3")
KERAS = rate("1,102 images/s", 1102.0402, "R4", "R5", "R6", "R9")
SPEED = Sentence(
    ("On the M1 Pro torch trained ", TORCH, " and TensorFlow ", KERAS, ", a ratio of ", RATIO, ".")
)
WHY = words(
    "Both frameworks start from the same weights and see the same pixels in the same order, so that "
    "what is left between them is the framework, its kernels, and the noise of the machine."
)
HOW = words("Medians of the steady epochs; the first epoch of every stage is left out as warm-up.")
TEXT = Paragraph((SPEED, WHY))
NOTE = Paragraph(
    (words("Five runs on battery were left out of every comparison between machines."),), "note"
)


def columns(left: int, *names: str) -> tuple[Column, ...]:
    """The first `left` of them lean left, and so does the last of many."""
    last = len(names) - 1 if len(names) > 6 else -1
    return tuple(
        Column(name=n, align="left" if i < left or i == last else "right") for i, n in enumerate(names)
    )


def run(n: int, kind: RowKind, dice: random.Random) -> tuple[str, ...]:
    experiment = dice.choice(("scratch", "augmented", "pretrained"))
    return (
        f"R{n}",
        dice.choice(("MacBook Pro M1 Pro 16 GB", "Mac mini M4", "amd-epyc-vm")),
        f"{experiment}-{dice.choice(('torch-mps', 'tensorflow-metal'))}-s{n % 3}",
        str(dice.randint(3, 40)),
        f"{dice.uniform(3, 400):.2f}",
        f"{dice.randint(200, 4000):,}",
        f"{dice.uniform(0.8, 1.1):.2f}",
        str(dice.randint(40, 101)),
        f"{dice.randint(-9, 9):+d}",
        f"{dice.randint(300, 9000):,}",
        f"{dice.uniform(0, 2):.2f}",
        INVALID if kind == "invalid" else "",
    )


def runs(rows: int, *, left_out: int = 0) -> Table:
    """Twelve columns, as a list of runs has them, with a long text now and then."""
    dice = random.Random(3)
    kinds = tuple(KINDS[dice.choice((0, 0, 0, 0, 1, 2, 3))] for _ in range(rows))
    heads = "run|machine|cell|epochs|s/epoch|images/s|fed|roof, %|drift, %|peak, MB|J/image|why invalid"
    return Table(
        key="runs",
        title="All runs",
        caption=(HOW,),
        columns=columns(3, *heads.split("|")),
        rows=tuple(run(n, kind, dice) for n, kind in enumerate(kinds, 1)),
        kinds=kinds,
        left_out=left_out,
    )


SPEEDS = Table(
    key="speeds",
    title="Speed of every machine",
    caption=(HOW, Sentence(("The fastest is ", rate("1,731 images/s", 1731.0, "R7"), "."))),
    columns=columns(2, "machine", "framework", "images/s", "s/epoch", "accuracy, %"),
    rows=(
        ("Mac mini M4", "torch", "1,731", "26.0", "73.92"),
        ("Mac mini M4", "TensorFlow", "1,498", "30.0", "74.11"),
        ("MacBook Pro M1 Pro", "torch", "1,284", "35.0", "73.80"),
        ("MacBook Pro M1 Pro", "TensorFlow", "1,102", "40.8", "73.78"),
        ("the report of March 2025", "torch", "310", "145.2", "74.00"),
        ("amd-epyc-vm", "torch", "–", "–", "–"),
    ),
    kinds=("", "", "baseline", "", "failed", "invalid"),
)
EMPTY = Table(
    key="energy",
    title="Energy per image",
    caption=(words("Whole chip, idle draw included."),),
    columns=columns(1, "machine", "energy, J/image"),
    rows=(),
)


def picture(key: str, title: str) -> Picture:
    end = Sentence(("At the end it is ", rate("341 images/s", 341.2, "R7"), "."))
    alt = "Two curves that rise: torch from 320 to 370, TensorFlow from 326 to 390 images per second."
    return Picture(key=key, title=title, caption=(HOW, end), alt=alt, svg=drawing(title))


def sample(rows: int = 90) -> Report:
    """What a real report holds: pictures, tables wide and long, notes, an empty table, an appendix."""
    rates = picture("rates", "Images per second over the epochs")
    heat = picture("heat", "The same, with the lid closed")
    return Report(
        title="The same AlexNet in PyTorch and TensorFlow",
        summary=(Paragraph((SPEED,)), Paragraph((WHY,)), NOTE),
        sections=(
            Section(key="speed", title="Which is faster", blocks=(TEXT, SPEEDS, NOTE, TEXT, rates)),
            Section(
                key="runs", title="Every run", blocks=(TEXT, runs(rows, left_out=1210)), appendix=True
            ),
            Section(key="heat", title="Does it stay that fast?", blocks=(TEXT, heat, TEXT)),
            Section(key="energy", title="What it costs", blocks=(TEXT, EMPTY)),
        ),
    )


MACS = {"Mac Studio M4 Max": 28, "MacBook Pro M3 Max": 35, "Mac mini M4": 55, "MacBook Pro M1 Pro": 88}
FRONT_COLUMNS = (
    *("Machine", "Engine", "Epoch, s", "Images/s", "× baseline", "scratch, %", "pretrained, %"),
    *("Memory, GB", "J/image", "How sure"),
)
ENGINES = {"PyTorch": 1.0, "TensorFlow": 1.08}
EYEBROW = "AlexNet training · four Macs · full protocol at 224 px · 18 to 24 November 2026"
FINDING = "Mac Studio M4 Max trains AlexNet 3.14 times as fast as MacBook Pro M1 Pro"
SURE = Sentence(("How sure: ", rate("24 runs", 24.0, "R1"), ", three of each engine in turn."))


def front_table(machines: dict[str, int]) -> Table:
    """Two rows a machine, its name in both, and the raw seconds behind the third column."""
    rows, seconds = [], []
    for machine, epoch in machines.items():
        for engine, factor in ENGINES.items():
            took = epoch * factor
            figures = f"{took:.0f}", f"{45_000 / took:,.0f}", f"{88 / took:.2f}"
            rows.append((machine, engine, *figures, "74.3", "91.8", "1.31", "–", "±1.1 %, 3 runs"))
            seconds.append(took)
    return Table(
        key="front",
        title="Every machine and engine",
        caption=(words("After ± stands half of the interval."),),
        columns=tuple(
            Column(
                name=name,
                align="right" if place > 1 else "left",
                values=tuple(seconds) if place == 2 else (),
                minor=name in ("Memory, GB", "J/image"),
            )
            for place, name in enumerate(FRONT_COLUMNS)
        ),
        rows=tuple(rows),
        frame=pd.DataFrame({"machine": [row[0] for row in rows], "seconds": seconds}),
    )


def with_front(machines: dict[str, int] | None = None) -> Report:
    """The sample behind a first page: the finding, four figures, a chart in two widths, a table."""
    table = front_table(MACS if machines is None else machines)
    chart = replace(picture("first-chart", "The fastest machine first"), narrow_svg=drawing("narrow"))
    figures = (
        KeyFigure(number=rate("28 s", 28.0, "R1"), lines=("an epoch at best", "PyTorch, M4 Max")),
        KeyFigure(number=rate("74.3 %", 0.743, "R1"), lines=("of the test images",)),
    )
    return replace(
        sample(),
        title=FINDING,
        eyebrow=EYEBROW,
        summary=(Paragraph((SPEED,)),),
        figures=figures,
        front=(chart, Paragraph((SURE,), "note"), table),
        data={"runs": pd.DataFrame({"run": ["R1", "R2"], "machine": ["</script><b>", "=1+1"]})},
    )


MARKUP = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "{{ 7*7 }}{% raw %}",
    '#panic("x") $x$ *b* @ref <label> \\\\ // /* */',
    "| a | b |\n# heading",
    "[x](javascript:alert(1))",
    "![x](http://evil.example/x.png)",
    "see http://evil.example www.evil.example a@evil.example :smile:",
    "&lt;b&gt; &#35;",
    "__a__ ~~b~~ `c` ``",
    "</style></svg><b>",
    "<!-- c --> ]]>",
    "--csv *",
    "ends in \\",
)
LINES = (
    "~~~",
    "```",
    "1. one",
    "2) two",
    "- dash",
    "+ plus",
    "===",
    "---",
    "> quote",
    "    code",
    "[a]: b",
    "|",
    "",
)
SIGNS = (
    "nul\0 bell\x07 escape\x1b[31m \x85 \x9f",
    "\ud800 lone",
    "\u202eoverride\u2066",
    "w" * 10_000,
    "\u6f22\u5b57 \U0001f600",
    "\u2028\n\n\r\n<b>",
    "\N{NO-BREAK SPACE}x\N{NO-BREAK SPACE}",
)
HOSTILE = MARKUP + LINES + SIGNS


def hostile(text: str) -> Report:
    """The same text in each place that a text can stand in."""
    number = Number(text=text, value=float("nan"), what=text, runs=(text, "R1"))
    sentence = Sentence((text, number, text))
    heads = (Column(name=text), Column(name=text, align="right"))
    rows = ((text, text), ("R1", text))
    tables = [
        Table(key=key, title=text, caption=(sentence,), columns=heads, rows=rows, kinds=KINDS[2:])
        for key in ("runs", text)
    ]
    drawn = Picture(key=text, title=text, caption=(sentence,), alt=text, svg=drawing("any"))
    paragraphs = (Paragraph((sentence, sentence)), Paragraph((sentence,), "note"))
    return Report(
        eyebrow=text,
        title=text,
        summary=paragraphs,
        figures=(KeyFigure(number=number, lines=(text,)),),
        front=(*paragraphs, tables[0], drawn),
        sections=(
            Section(key=text, title=text, blocks=(*paragraphs, *tables, drawn)),
            Section(key="n1", title=text, blocks=(*paragraphs, *tables, drawn), appendix=True),
        ),
    )
