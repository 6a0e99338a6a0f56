"""What must be there before the first cell: devices, data, carried-over weights."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir

import pooch

from alexnet import Device, Framework, download
from alexnet.data import DataError, DatasetName, read_cifar10
from alexnet.weights import TORCHVISION_FILE
from bench.grid import PROFILES, IllegalPlan
from bench.machine import likely_gpu
from bench.options import Options
from bench.run import ROOT

PROBE_SECONDS = 180.0


class NotPrepared(Exception):
    """Something that a cell needs cannot be had; the message is the reason and the remedy."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the images come from. `provenance` goes into results, the folder never does."""

    dataset: DatasetName
    folder: Path | None
    provenance: str


NOT_LOOKED_FOR = Source(dataset="cifar10", folder=None, provenance="not looked for yet")


def cache_folder() -> Path:
    """Where downloads and converted weights are kept, the same for every clone."""
    return Path(pooch.os_cache("alexnet-bench"))


def devices(options: Options) -> dict[Framework, Device]:
    """The device of each framework asked for. Raises NotPrepared for one that it cannot use.

    Only the framework itself knows, so each is asked in a process of its own; where the computer
    has no GPU's driver there is nothing to ask.
    """
    if likely_gpu() is None and options.device in ("auto", "cpu"):
        return dict.fromkeys(options.framework, "cpu")
    return {framework: _probe(framework, options.device) for framework in options.framework}


def _probe(framework: Framework, device: str) -> Device:
    done = _python("-m", "alexnet", "device", framework, device)
    if done.returncode:
        raise NotPrepared(done.stderr.strip().splitlines()[-1])
    chosen: Device = done.stdout.split()[-1]  # type: ignore[assignment]
    return chosen


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    try:
        return subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=PROBE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        message = f"`{' '.join(command)}` did not answer within {PROBE_SECONDS:.0f} seconds"
        return subprocess.CompletedProcess(command, 1, "", message)


def source(options: Options, profile: str) -> Source:
    """CIFAR-10 from the user's folder, else from the official archive, else the stand-in if allowed.

    Raises IllegalPlan where the options forbid each other, DataError for a folder that is not
    CIFAR-10, NotPrepared where `full`, or the user, will have CIFAR-10 and nothing else.
    """
    if options.dataset == "synthetic":
        return _synthetic("as asked for")
    named = options.data_dir or os.environ.get("ALEXNET_DATA")
    if named:
        folder = Path(named).expanduser()
        read_cifar10(folder)
        return Source(dataset="cifar10", folder=folder, provenance="a folder that the user vouches for")
    try:
        folder = download.fetch_cifar10(cache_folder())
        read_cifar10(folder)
        return Source(dataset="cifar10", folder=folder, provenance="the official archive, md5 verified")
    except (download.DownloadError, DataError) as error:
        if options.dataset == "cifar10" or not PROFILES[profile].synthetic_allowed:
            raise NotPrepared(
                f"{error}\nname a folder that holds it with --data-dir DIR, or ask for the stand-in"
                f" with --dataset synthetic"
            ) from error
        return _synthetic(f"since {error}")


def _synthetic(why: str) -> Source:
    return Source(dataset="synthetic", folder=None, provenance=f"made by this suite, {why}")


def check_weights_option(options: Options) -> None:
    """Raises IllegalPlan for a file that is not there, before hours go by until it is needed."""
    if options.weights and not options.weights.is_file():
        raise IllegalPlan(f"--weights {options.weights}: there is no such file")


def carried_over_weights(path: Path | None) -> Path:
    """Torchvision's weights as a canonical safetensors file, made in a process that may use torch.

    Raises NotPrepared with the reason and the remedy.
    """
    target = cache_folder() / "torchvision-alexnet.safetensors"
    if path is not None:
        # One file per session, so that a file changed under the same name is never missed.
        target = Path(gettempdir()) / f"alexnet-bench-{os.getpid()}.safetensors"
    elif target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    given: Sequence[str] = () if path is None else (str(path),)
    done = _python("-m", "alexnet", "carry-over", *given, "--output", str(target))
    if done.returncode:
        remedy = f"download {TORCHVISION_FILE} elsewhere and name it: --weights PATH"
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise NotPrepared(reason if "--weights" in reason else f"{reason}; {remedy}")
    return target
