"""The facts that the doctor's rules judge: plain values, gathered without importing a framework."""

from __future__ import annotations

import os
import re
import resource
import shutil
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Literal

from packaging.version import InvalidVersion, Version

from alexnet import folders
from alexnet.data import (
    ARCHIVE,
    RECORD_BYTES,
    RECORDS_PER_FILE,
    TEST_FILES,
    TRAIN_FILES,
    DataError,
    find_batches,
)
from alexnet.folders import Obstacle
from alexnet.frameworks.protocol import Device
from alexnet.frameworks.registry import ENGINES, FRAMEWORKS, VARIABLES
from alexnet.recipe import EXPERIMENTS
from alexnet.spec import FLOAT32_BYTES, IMAGENET_CLASSES, network
from bench import interpreter
from bench.host.condition import CAFFEINATE, current_condition
from bench.host.limits import Limits, current_limits
from bench.host.machine import describe, likely_gpu
from bench.ipc.child_folder import place
from bench.paths import ROOT
from bench.plan import prepare
from bench.plan.engines import obstacle_on
from bench.plan.options import Options
from bench.plan.profiles import PROFILES
from bench.records.cell_recipe import IllegalPlan
from bench.records.types import SPEED, Condition, Machine

DataState = Literal["synthetic", "folder", "unusable folder", "cached", "download"]

ARCHIVE_BYTES = 170_052_171
CIFAR10_BYTES = len((*TRAIN_FILES, *TEST_FILES)) * RECORDS_PER_FILE * RECORD_BYTES
# What torch.compile keeps for one cell on a CPU: 154 MB, 152 of them precompiled headers (torch 2.14.1,
# seen); with `pretrained`, other lengths of batches and a GPU's kernels it may be more.
COMPILED_BYTES = 500_000_000
FRAMEWORK_BYTES = 3_000_000_000  # a framework's libraries and buffers, and one batch's activations
RECORDS_BYTES = 50_000_000  # an upper bound for journals, logs and the saved file
# Copies of the weights: a checkpoint has two, the next one is written before the old one is removed
# (two more), there are two of the best weights, and two in what the gates share.
COPIES_ON_DISK = 8


@dataclass(frozen=True, kw_only=True)
class Disk:
    """The disk of one folder, and the bytes that a run adds to it; `volume` is its device number."""

    free_bytes: int | None
    needs_bytes: int
    volume: int | None


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything that the rules of bench/doctor/ look at. None or a missing key means "not known".

    Package versions are in `machine.packages`. `cuda_packages` has those of the installed packages that
    are named for a version of CUDA, such as nvidia-cudnn-cu13. `device` is the one requested, `devices`
    has the one that each engine will use, `obstacles` why an engine cannot run on its device, without a
    full stop, and `refusals` the reason why an engine cannot use the GPU. `temporary` is the disk of
    what engines compile, `cache` that of downloads; each is None where there is no folder for it.
    `cache_problem` says why downloads cannot be kept, and what helps. `parameters` is the count of the
    run's largest network. `data_problem` and `weights_problem` say what is wrong with the images and the
    weights that the user named. Of this Python `universal` says whether it was built for Apple silicon
    too, `optimized` whether it leaves out assertions, and `traced` whether a debugger watches it.
    """

    machine: Machine
    condition: Condition
    limits: Limits
    platform: str
    universal: bool
    optimized: bool
    traced: bool
    environment: Mapping[str, str]
    pins: Mapping[str, str]
    cuda_packages: Mapping[str, str]
    open_files: int | None
    caffeinate: bool
    results: Disk
    cache: Disk | None
    cache_problem: tuple[str, str] | None
    temporary: Disk | None
    results_obstacle: Obstacle | None
    parameters: int
    data: DataState
    data_problem: DataError | None
    weights_problem: str | None
    profile: str
    device: str
    engines: tuple[str, ...]
    gpu: Device | None
    devices: Mapping[str, Device]
    obstacles: Mapping[str, str]
    refusals: Mapping[str, str]

    @property
    def is_to_be_compared(self) -> bool:
        """Whether the figures are meant for comparisons, which those of `smoke` and `quick` are not."""
        return self.profile in ("full", SPEED)

    @property
    def frameworks(self) -> tuple[str, ...]:
        """The frameworks of the engines."""
        return tuple(dict.fromkeys(ENGINES[engine].framework for engine in self.engines))

    @property
    def memory_needs_bytes(self) -> int:
        """Weights, gradients, momentum and one copy in float32, plus the framework's own memory."""
        return 4 * self.parameters * FLOAT32_BYTES + FRAMEWORK_BYTES

    @property
    def gate_needs_bytes(self) -> int:
        """Eight copies of the weights in float32, plus the framework's own memory.

        The network on the device is three of them, and the first weights, those of now, a gradient and
        a displacement four; one is on its way. The reference in float64 is gone by then, and smaller.
        Seen for `mistaken` at 224 px, on a CPU: 7.3 GB with torch and 8.7 GB with TensorFlow, of 9.5 GB.
        """
        return 8 * self.parameters * FLOAT32_BYTES + FRAMEWORK_BYTES


def release_numbers(version: str | None) -> tuple[int, ...]:
    """The leading numbers of a version: (2, 18, 1) for "2.18.1+cpu", () if it starts with none."""
    try:
        return Version(version or "").release
    except InvalidVersion:  # such as Python's own "3.14.0a1+"
        numbers = re.match(r"\d+(\.\d+)*", version or "")
        return tuple(int(number) for number in numbers[0].split(".")) if numbers else ()


def plugin_clash(framework: str, platform: str, packages: Mapping[str, str]) -> str | None:
    """Why importing a framework will crash here, judged by the versions alone; None if it will not.

    A framework loads Apple's plugin as it is imported, and pip installs pairs that do not fit.
    """
    plugin = FRAMEWORKS[framework].mac_plugin
    if platform != "darwin" or plugin is None:
        return None
    version, plugin_version = packages.get(framework), packages.get(plugin.package)
    if not version or not plugin_version:
        return None
    for first, fitting in plugin.clashes:
        if release_numbers(version) >= first and () < release_numbers(plugin_version) < fitting:
            pair = f"{framework} {version} crashes as it is imported, with {plugin.package}"
            return f"{pair} {plugin_version}"
    return None


def can_probe_gpu(framework: str, platform: str, packages: Mapping[str, str]) -> bool:
    """Whether a framework can be asked for its GPU: on a Mac some need a plugin that fits."""
    info = FRAMEWORKS[framework]
    if any(not packages.get(name) for name in info.required):
        return False
    if info.mac_plugin is None or platform != "darwin":
        return True
    return bool(packages.get(info.mac_plugin.package)) and (
        plugin_clash(framework, platform, packages) is None
    )


def gather_facts(
    options: Options,
    *,
    results: Path = ROOT / "results",
    profile: str | None = None,
    devices: Mapping[str, Device] | None = None,
    machine: Machine | None = None,
    probe: bool = False,
) -> Facts:
    """The facts of this computer now. `profile`, `devices` and `machine` are used as given.

    `probe` starts the framework of each engine that is not in `devices`, in a process of its own, to
    ask for its GPU. Raises IllegalNetwork for an image size that is too small.
    """
    machine = machine or describe(options.machine)
    gpu = likely_gpu() if options.device != "cpu" else None
    known, refusals = dict(devices or {}), dict[str, str]()
    usable = [
        engine
        for engine in options.engine
        if can_probe_gpu(ENGINES[engine].framework, sys.platform, machine.packages)
    ]
    obstacles = {
        engine: why
        for engine in options.engine
        # What a session has asked is known better, and a framework without its plugin takes the CPU.
        if engine not in known and (gpu is None or engine in usable)
        if (why := obstacle_on(engine, options.device, gpu))
    }
    if probe and gpu and options.device in ("auto", gpu):
        for engine in usable:
            if engine in known or engine in obstacles:
                continue
            try:  # the GPU by name: with "auto" a framework takes the CPU and gives no reason
                known |= prepare.find_devices(replace(options, engine=(engine,), device=gpu))
            except prepare.NotPrepared as error:
                refusals[engine] = str(error)
    if profile is None:
        on_gpu = gpu and len(usable) == len(options.engine) and not refusals
        auto = "full" if on_gpu and "cpu" not in known.values() else "quick"
        profile = auto if options.profile == "auto" else options.profile
    data, data_problem = data_state(options)
    parameters = _largest_parameters(options, profile)
    open_files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    weights_bytes = parameters * FLOAT32_BYTES
    return Facts(
        machine=machine,
        condition=current_condition(),
        limits=current_limits(),
        platform=sys.platform,
        universal=interpreter.is_universal(),
        optimized=bool(sys.flags.optimize),
        traced=interpreter.is_traced(),
        environment={name: os.environ[name] for name in VARIABLES if name in os.environ},
        pins=read_pins(ROOT / "constraints.txt"),
        cuda_packages=installed_cuda_packages(),
        open_files=None if open_files == resource.RLIM_INFINITY else open_files,
        caffeinate=Path(CAFFEINATE[0]).exists(),
        results=_disk(results / machine.name, COPIES_ON_DISK * weights_bytes + RECORDS_BYTES),
        cache=_cache_disk(_download_bytes(options, data)),
        cache_problem=prepare.cache_problem(),
        temporary=_temporary_disk(_compiled_bytes(options)),
        results_obstacle=prepare.results_obstacle(results / machine.name),
        parameters=parameters,
        data=data,
        data_problem=data_problem,
        weights_problem=_weights_problem(options),
        profile=profile,
        device=options.device,
        engines=options.engine,
        gpu=gpu,
        devices=known,
        obstacles=obstacles,
        refusals=refusals,
    )


def installed_cuda_packages() -> dict[str, str]:
    """Package -> version, of the installed packages whose names end in a version of CUDA."""
    found = {}
    for package in metadata.distributions():
        # A broken installation has no name; where importlib_metadata was imported, it raises.
        with suppress(FileNotFoundError):
            name = re.sub(r"[-_.]+", "-", package.name or "").lower()
            if re.fullmatch(r"nvidia-.+-cu\d+", name):
                found[name] = package.version or "of unknown version"
    return found


def read_pins(constraints: Path) -> dict[str, str]:
    """Package -> version, from a pip constraints file; empty if there is no such file."""
    text = constraints.read_text() if constraints.is_file() else ""
    return dict(re.findall(r"^([\w.-]+)==([^\s;#]+)", text, re.MULTILINE))


def data_state(options: Options) -> tuple[DataState, DataError | None]:
    """Where bench/plan/prepare.py would take the images from, and what is wrong with a folder.

    Files are checked by size alone.
    """
    if options.dataset == "synthetic":
        return "synthetic", None
    if named := prepare.named_folder(options):
        try:
            find_batches(named)
        except DataError as error:
            return "unusable folder", error
        return "folder", None
    return ("cached" if _cached_bytes(ARCHIVE) == ARCHIVE_BYTES else "download"), None


def _cached_bytes(name: str) -> int | None:
    """The size of a file in the cache folder; None if it is not there."""
    folder = prepare.cache_folder()
    with suppress(OSError):  # the home folder may be another's, as sudo leaves it
        return None if folder is None else (folder / name).stat().st_size
    return None


def _weights_problem(options: Options) -> str | None:
    """What is wrong with the weights that the user named, in a sentence without its full stop."""
    try:
        prepare.check_weights_option(options)
    except IllegalPlan as error:
        return str(error)
    return None


def _download_bytes(options: Options, data: DataState) -> int:
    """The growth of the cache: the archive and its images, and ImageNet's weights in two formats."""
    needed = ARCHIVE_BYTES + CIFAR10_BYTES if data == "download" else 0
    pretrained = any(EXPERIMENTS[name].pretrained for name in options.experiment)
    if pretrained and _cached_bytes(prepare.CONVERTED) is None:
        needed += 2 * network("torchvision", classes=IMAGENET_CLASSES).parameters * FLOAT32_BYTES
    return needed


def _compiled_bytes(options: Options) -> int:
    """What the temporary folder must hold: one cell's, since they run one after another."""
    rows = (ENGINES[engine] for engine in options.engine)
    keeps = any(row.compiler and FRAMEWORKS[row.framework].cache_variables for row in rows)
    return COMPILED_BYTES if keeps else 0


def _largest_parameters(options: Options, profile: str) -> int:
    image_size = options.image_size or PROFILES[profile].image_size
    variants = [EXPERIMENTS[name].variant for name in options.experiment]
    return max(network(variant, image_size=image_size).parameters for variant in variants)


def _cache_disk(needs_bytes: int) -> Disk | None:
    folder = prepare.cache_folder()
    return None if folder is None else _disk(folder, needs_bytes)


def _temporary_disk(needs_bytes: int) -> Disk | None:
    try:
        return _disk(place(), needs_bytes)
    except FileNotFoundError:  # Python has tried TMPDIR, the system's folders and this one
        return None


def _disk(folder: Path, needs_bytes: int) -> Disk:
    """The disk of a folder, or of its nearest parent if the folder does not exist yet."""
    existing = folders.nearest(folder)
    try:
        free, volume = shutil.disk_usage(existing).free, existing.stat().st_dev
    except OSError:
        return Disk(free_bytes=None, needs_bytes=needs_bytes, volume=None)
    return Disk(free_bytes=free, needs_bytes=needs_bytes, volume=volume)
