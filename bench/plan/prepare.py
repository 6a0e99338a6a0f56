"""What must be there before the first cell: devices, data, carried-over weights."""

from __future__ import annotations

import codecs
import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pooch

from alexnet import download
from alexnet.data import FOLDER, DataError, DatasetName, read_cifar10
from alexnet.frameworks.protocol import Device, Framework
from alexnet.imagenet import TORCHVISION_FILE
from bench.host.machine import likely_gpu
from bench.paths import ROOT
from bench.plan.options import Options
from bench.plan.profiles import PROFILES
from bench.records.recipe import IllegalPlan
from bench.records.types import Plan

PROBE_SECONDS = 180.0
EXPLAINED = 2  # the status with which `python -m alexnet` ends after a sentence on stderr


class NotPrepared(Exception):
    """Something that a cell needs cannot be had; the message is the reason and the remedy."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the images come from. `provenance` goes into results, the folder never does.

    `sha256` is over all pixels and labels, None of the stand-in, which the code makes.
    """

    dataset: DatasetName
    folder: Path | None
    provenance: str
    sha256: str | None = None


VOUCHED_FOR = "a folder that the user vouches for"
NOT_LOOKED_FOR = Source(dataset="cifar10", folder=None, provenance="not looked for yet")


def cache_folder() -> Path:
    """Where downloads and converted weights are kept, the same for every clone."""
    return Path(pooch.os_cache("alexnet-bench"))


def devices(options: Options) -> dict[Framework, Device]:
    """The device of each framework asked for. Raises NotPrepared for one that it cannot use.

    Only the framework itself knows, so each is asked in a process of its own; for the CPU, or where
    the computer has no GPU's driver, there is nothing to ask.
    """
    if options.device == "cpu" or (options.device == "auto" and likely_gpu() is None):
        return dict.fromkeys(options.framework, "cpu")
    return {framework: _probe(framework, options.device) for framework in options.framework}


def _probe(framework: Framework, device: str) -> Device:
    status, stdout, stderr = _ask("device", framework, device)
    if status:
        raise NotPrepared(_reason(f"asking {framework} for {device}", status, stderr))
    chosen: Device = stdout.split()[-1]  # type: ignore[assignment]
    return chosen


def _ask(*arguments: str) -> tuple[int, str, str]:
    """(status, stdout, stderr) of `python -m alexnet …`, which must answer soon."""
    command = [sys.executable, "-m", "alexnet", *arguments]
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=PROBE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        asked = " ".join(command[1:])
        return EXPLAINED, "", f"`python {asked}` did not answer within {PROBE_SECONDS:g} seconds"
    return done.returncode, done.stdout, done.stderr


def _watch(*arguments: str) -> tuple[int, str]:
    """(status, stderr) of `python -m alexnet …`, its stderr shown as it comes: it may download."""
    command = [sys.executable, "-m", "alexnet", *arguments]
    shown, decoder = "", codecs.getincrementaldecoder("utf8")("replace")
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as child:
        assert child.stderr is not None
        while part := os.read(child.stderr.fileno(), 4096):
            text = decoder.decode(part)
            shown += text
            sys.stderr.write(text)
            sys.stderr.flush()
    return child.returncode, shown


def _reason(doing: str, status: int, stderr: str) -> str:
    """The child's own sentence where it gave one, else how it ended and the last that it said."""
    last = (stderr.strip().splitlines() or ["nothing"])[-1]
    if status == EXPLAINED:
        return last
    return f"{doing} ended with status {status}; the last that it said was: {last}"


def source(options: Options, profile: str) -> Source:
    """CIFAR-10 from the user's folder, else from the official archive, else the stand-in if allowed.

    Raises IllegalPlan where the options forbid each other, DataError for a folder that is not
    CIFAR-10, NotPrepared where `full`, or the user, will have CIFAR-10 and nothing else.
    """
    if options.dataset == "synthetic":
        if options.data_dir:
            raise IllegalPlan("--dataset synthetic reads no folder: leave out --data-dir, or --dataset")
        return _synthetic("as asked for")
    named = options.data_dir or os.environ.get("ALEXNET_DATA")
    if named:
        folder = Path(named).expanduser()
        return _cifar10(folder, VOUCHED_FOR)
    try:
        folder = _downloaded()
    except (download.DownloadError, DataError) as error:
        if options.dataset == "cifar10" or not PROFILES[profile].synthetic_allowed:
            raise NotPrepared(
                f"{error}\nname a folder that holds it with --data-dir DIR, or ask for the stand-in"
                f" with --dataset synthetic"
            ) from error
        return _synthetic(f"since {error}")
    return _cifar10(folder, "the official archive, md5 verified")


def source_again(options: Options, first: Plan) -> Source:
    """The images that a session was begun with, for one that goes on with it; raises as `source`."""
    if options.dataset not in ("auto", first.dataset):
        return source(options, first.profile)
    if first.dataset == "synthetic":
        return Source(dataset="synthetic", folder=None, provenance=first.data_provenance)
    return source(replace(options, dataset="cifar10"), first.profile)


def _cifar10(folder: Path, provenance: str) -> Source:
    digest = hashlib.sha256()
    for part in read_cifar10(folder):
        digest.update(part.images.data)
        digest.update(part.labels.data)
    return Source(dataset="cifar10", folder=folder, provenance=provenance, sha256=digest.hexdigest())


def _downloaded() -> Path:
    """The official archive's folder, unpacked once more where an earlier unpacking was cut short."""
    folder = download.fetch_cifar10(cache_folder())
    try:
        read_cifar10(folder)
    except DataError:
        shutil.rmtree(folder / FOLDER, ignore_errors=True)
        folder = download.fetch_cifar10(cache_folder())
        read_cifar10(folder)
    return folder


def _synthetic(why: str) -> Source:
    return Source(dataset="synthetic", folder=None, provenance=f"made by this suite, {why}")


def check_weights_option(options: Options) -> None:
    """Raises IllegalPlan for a file that is not there, before hours go by until it is needed."""
    if options.weights and not options.weights.expanduser().is_file():
        raise IllegalPlan(f"--weights {options.weights}: there is no such file")


def carried_over_weights(path: Path | None, session_folder: Path) -> Path:
    """ImageNet's weights as a canonical safetensors file, made in a process that may use torch.

    The user's own file is carried over for this session alone, torchvision's once for all. Raises
    NotPrepared with the reason and the remedy.
    """
    if path is None:
        target, given = cache_folder() / "torchvision-alexnet.safetensors", []
        if target.is_file():
            return target
    else:
        target, given = session_folder / "weights.safetensors", [str(path.expanduser().resolve())]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NotPrepared(f"{target.parent} cannot be made: {error}") from error
    status, stderr = _watch("carry-over", *given, "--output", str(target.resolve()))
    if status:
        reason = _reason("carrying the weights over", status, stderr)
        remedy = f"download {TORCHVISION_FILE} elsewhere and name it with --weights PATH"
        raise NotPrepared(reason if "--weights" in reason else f"{reason}; {remedy}")
    return target
