"""What must be ready before the first cell: devices, data, ImageNet's weights."""

from __future__ import annotations

import codecs
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import gettempdir

import pooch

from alexnet import download, folders
from alexnet.data import DatasetName, read_cifar10
from alexnet.frameworks.protocol import Device
from alexnet.imagenet import TORCHVISION_FILE, check_carried_over
from alexnet.weights import WeightsError
from bench import interpreter
from bench.host.machine import likely_gpu
from bench.paths import ROOT, RUNS
from bench.plan.engines import obstacle_on
from bench.plan.options import Options
from bench.plan.profiles import PROFILES
from bench.records.cell_recipe import IllegalPlan
from bench.records.types import Plan
from bench.temporary_folder import OF_CHILDREN, temporary_folder

PROBE_SECONDS = 180.0
CONVERTED = "torchvision-alexnet.safetensors"
"""torchvision's weights in the cache folder, as all sessions use them."""
NO_HOME = "this account has no home folder, and so no folder for downloads"
EXPLAINED = 2  # the exit status of `python -m alexnet` when stderr ends with the reason
ELSEWHERE = "save elsewhere, with --benchmark-storage=file:///A/FOLDER"


class NotPrepared(Exception):
    """Something that a cell needs is missing; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the images come from. Results have `provenance`, and never the folder.

    `sha256` covers all pixels and labels. It is None for synthetic images, which the code generates.
    `from_user` marks a folder that the user named.
    """

    dataset: DatasetName
    folder: Path | None
    provenance: str
    sha256: str | None = None
    from_user: bool = False


PENDING_SOURCE = Source(dataset="cifar10", folder=None, provenance="not looked for yet")


def cache_folder() -> Path | None:
    """The folder for downloads and converted weights, shared by all clones.

    None for an account without a home folder, such as a bare uid in a container, unless XDG_CACHE_HOME
    names one.
    """
    try:
        return Path(pooch.os_cache("alexnet-bench")).expanduser()  # a "~" may be left in it
    except RuntimeError:
        return None


def cache_problem() -> tuple[str, str] | None:
    """What keeps downloads from being kept, as a sentence without its full stop, and what helps."""
    folder = cache_folder()
    if folder is None:
        return NO_HOME, download.ELSEWHERE
    found = folders.obstacle(folder)
    return folders.problem_and_fix(found, download.ELSEWHERE) if found else None


def _folder_for_downloads() -> Path:
    """The cache folder. Raises NotPrepared for an account that has none."""
    folder = cache_folder()
    if folder is None:
        raise NotPrepared(f"{NO_HOME}: {download.ELSEWHERE}")
    return folder


def results_obstacle(machine_folder: Path) -> folders.Obstacle | None:
    """What keeps a session from writing to a machine's folder of results, or to the journals in it."""
    return folders.obstacle(machine_folder) or folders.obstacle(machine_folder / RUNS)


def check_results_folder(machine_folder: Path) -> None:
    """Raises NotPrepared if a session could not save what it measures."""
    if found := results_obstacle(machine_folder):
        problem, fix = folders.problem_and_fix(found, ELSEWHERE)
        raise NotPrepared(f"nothing can be saved, since {problem}: {fix}")


def find_devices(options: Options) -> dict[str, Device]:
    """The device of each requested engine. Raises NotPrepared if one cannot use it.

    Only its framework knows, so each is asked in a process of its own. Nothing is asked for
    the CPU, or for "auto" on a computer without a GPU driver.
    """
    if options.device == "cpu" or (options.device == "auto" and likely_gpu() is None):
        for engine in options.engine:
            if reason := obstacle_on(engine, "cpu", None):
                raise NotPrepared(f"{engine} cannot run on cpu. {reason}.")
        return dict.fromkeys(options.engine, "cpu")
    return {engine: _probe(engine, options.device) for engine in options.engine}


def _probe(engine: str, device: str) -> Device:
    status, stdout, stderr = _run_alexnet("device", engine, device)
    if status:
        raise NotPrepared(_failure_reason(f"asking {engine} for {device}", status, stderr))
    chosen: Device = stdout.split()[-1]  # type: ignore[assignment]
    return chosen


def _run_alexnet(*arguments: str) -> tuple[int, str, str]:
    """(exit status, stdout, stderr) of `python -m alexnet …`, within PROBE_SECONDS."""
    command = [sys.executable, "-m", "alexnet", *arguments]
    try:
        with _child_environment() as environment:
            process = subprocess.run(
                command,
                cwd=ROOT,
                env=environment,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=PROBE_SECONDS,
                check=False,
            )
    except OSError as error:
        return EXPLAINED, "", f"no process could be started for it: {error}"
    except subprocess.TimeoutExpired:
        command_line = " ".join(["python", *command[1:]])
        return EXPLAINED, "", f"`{command_line}` did not answer within {PROBE_SECONDS:g} seconds"
    return process.returncode, process.stdout, process.stderr


def _run_alexnet_with_progress(*arguments: str) -> tuple[int, str]:
    """(exit status, stderr) of `python -m alexnet …`; stderr, with its downloads, is shown live."""
    command = [sys.executable, "-m", "alexnet", *arguments]
    stderr, decoder = "", codecs.getincrementaldecoder("utf8")("replace")
    with ExitStack() as stack:
        try:
            child = stack.enter_context(
                subprocess.Popen(
                    command,
                    cwd=ROOT,
                    env=stack.enter_context(_child_environment()),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                )
            )
        except OSError as error:
            return EXPLAINED, f"no process could be started for it: {error}"
        assert child.stderr is not None
        while chunk := os.read(child.stderr.fileno(), 4096):
            text = decoder.decode(chunk)
            stderr += text
            sys.stderr.write(text)
            sys.stderr.flush()
    return child.returncode, stderr


@contextmanager
def _child_environment() -> Iterator[dict[str, str]]:
    """The environment of a child with an empty TMPDIR: torch leaves a folder there once imported.

    Raises OSError.
    """
    with temporary_folder(OF_CHILDREN, Path(gettempdir())) as folder:
        yield {**os.environ, **interpreter.FOR_CHILDREN, "TMPDIR": str(folder)}


def _failure_reason(action: str, status: int, stderr: str) -> str:
    """The reason that the child printed, or else its exit status and its last line."""
    last_line = (stderr.strip().splitlines() or ["nothing"])[-1]
    if status == EXPLAINED:
        return last_line
    return f"{action} ended with status {status}; its last line was: {last_line}"


def named_folder(options: Options) -> Path | None:
    """The folder of CIFAR-10 that the user named."""
    named = options.data_dir or os.environ.get("ALEXNET_DATA")
    return folders.expanded(named) if named else None


def find_images(options: Options, profile: str) -> Source:
    """CIFAR-10 from the user's folder or the official archive, or synthetic images where allowed.

    Raises IllegalPlan if options contradict each other, DataError for a folder that is not CIFAR-10,
    and NotPrepared if CIFAR-10 cannot be had and the user or the profile `full` requires it.
    """
    if options.dataset == "synthetic":
        if options.data_dir:
            raise IllegalPlan("--dataset synthetic reads no folder: leave out --data-dir, or --dataset")
        return _synthetic("as asked for")
    if named := named_folder(options):
        return replace(_cifar10(named, "a folder that the user vouches for"), from_user=True)
    try:
        folder = download.fetch_cifar10(_folder_for_downloads())
    except (download.DownloadError, NotPrepared) as error:
        if options.dataset == "cifar10" or not PROFILES[profile].synthetic_allowed:
            raise NotPrepared(
                f"{error}\nname a folder that holds it with --data-dir DIR, or ask for the stand-in"
                f" with --dataset synthetic"
            ) from error
        return _synthetic(f"since {error}")
    return _cifar10(folder, "the official archive, md5 verified")


def find_images_for_resume(options: Options, first: Plan) -> Source:
    """The images of a resumed session, as its `first` plan names them. Raises as `find_images`."""
    if options.dataset not in ("auto", first.dataset):
        return find_images(options, first.profile)
    if first.dataset == "synthetic":
        return Source(dataset="synthetic", folder=None, provenance=first.data_provenance)
    return find_images(replace(options, dataset="cifar10"), first.profile)


def _cifar10(folder: Path, provenance: str) -> Source:
    digest = hashlib.sha256()
    for split in read_cifar10(folder):
        digest.update(split.images.data)
        digest.update(split.labels.data)
    return Source(dataset="cifar10", folder=folder, provenance=provenance, sha256=digest.hexdigest())


def _synthetic(reason: str) -> Source:
    return Source(dataset="synthetic", folder=None, provenance=f"made by this suite, {reason}")


def check_weights_option(options: Options) -> None:
    """Raises IllegalPlan if the file cannot be read: now, and not hours later when a cell needs it."""
    file = options.weights
    if file is None:
        return
    try:
        if not file.is_file():
            raise IllegalPlan(f"--weights {file}: there is no such file")
        file.open("rb").close()
    except OSError as error:
        raise IllegalPlan(f"--weights {file} cannot be read ({error.strerror})") from error


def imagenet_weights(path: Path | None, session_folder: Path) -> Path:
    """ImageNet's weights as a canonical safetensors file, converted in a process that loads torch.

    The user's file is converted for this session alone, torchvision's once for all sessions, and again
    if what was converted is not what it was. Raises NotPrepared with the reason and the remedy.
    """
    target, arguments, damage = session_folder / "weights.safetensors", list[str](), ""
    if path is None:
        target = _folder_for_downloads() / CONVERTED
        try:
            check_carried_over(target)
        except WeightsError as error:
            damage = f"{error}; " if os.path.lexists(target) else ""
        else:
            return target
    else:
        arguments = [str(path.resolve())]
    if found := folders.obstacle(target.parent):
        problem, fix = folders.problem_and_fix(found, ELSEWHERE if path else download.ELSEWHERE)
        raise NotPrepared(f"{damage}ImageNet's weights cannot be kept, since {problem}: {fix}")
    target.parent.mkdir(parents=True, exist_ok=True)
    output = str(target.resolve())
    status, stderr = _run_alexnet_with_progress("carry-over", *arguments, "--output", output)
    if status:
        reason = f"{damage}{_failure_reason('converting the weights', status, stderr)}"
        if path is None and status == EXPLAINED:  # a failed download says what to do
            raise NotPrepared(reason)
        remedy = f"download {TORCHVISION_FILE} elsewhere and name it with --weights PATH"
        raise NotPrepared(f"{reason}; {remedy}")
    return target
