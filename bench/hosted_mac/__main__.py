"""`python -m bench.hosted_mac --image NAME`: asks, judges, writes a summary."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from alexnet.terminal import accept_all_letters
from bench.host.identity import users_identity
from bench.host.machine import describe
from bench.hosted_mac.ask import DEVICE, ENGINES, IMAGE_SIZE, ask_gates, ask_gpu, ask_parity
from bench.hosted_mac.judge import KNOWN_FAULTS, WrongList, judge, known_faults, lines, summary
from bench.paths import ROOT


def main(arguments: list[str] | None = None) -> int:
    """Returns 0 if nothing failed that is not known, 1 if it did, 2 for a wrong command or list."""
    accept_all_letters()
    parser = argparse.ArgumentParser(
        prog="python -m bench.hosted_mac",
        description="Runs gates and parity of every engine on Apple's GPU, and judges them.",
        epilog="Exit status: 0 if no new fault was found, 1 if one was, 2 for a wrong command or list.",
    )
    parser.add_argument("--image", required=True, help="the runner's image, such as macos-15")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "hosted-mac", metavar="FOLDER")
    options = parser.parse_args(arguments)
    out: Path = options.out.resolve()
    if out.exists() and any(out.iterdir()):
        parser.error(f"--out {out}: it is not empty, and an earlier answer could pass for today's")
    try:
        faults = known_faults(KNOWN_FAULTS)
    except WrongList as error:
        parser.error(str(error))
    answers = []
    for engine in ENGINES:
        sys.stderr.write(f"{engine}: the gates on {DEVICE} at {IMAGE_SIZE} px\n")
        gpu = ask_gpu(engine, out / engine)
        answers += [gpu, *(ask_gates(engine, out / engine) if gpu.passed else [])]
    if all(answer.passed for answer in answers if answer.kind == "gpu"):
        sys.stderr.write(f"the parity tests on {DEVICE}\n")
        answers += ask_parity(out / "parity")
    verdict = judge(answers, faults, options.image)
    text = users_identity({}).hide(summary(answers, verdict, options.image, describe()))
    (out / "summary.md").write_text(text, encoding="utf-8")
    if page := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(page).open("a", encoding="utf-8") as file:
            file.write(text)
    heading = text.splitlines()[0].strip("# ")
    sys.stdout.write("\n".join([*lines(answers, verdict), heading, ""]))
    return int(bool(verdict.failures))


if __name__ == "__main__":
    sys.exit(main())
