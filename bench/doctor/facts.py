"""The facts that the doctor's rules judge: plain values, gathered without importing a framework."""

from __future__ import annotations

import os
import re
import resource
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from packaging.version import InvalidVersion, Version

from alexnet.data import FOLDER, RECORD_BYTES, RECORDS_PER_FILE, TEST_FILES, TRAIN_FILES
from alexnet.download import ARCHIVE
from alexnet.frameworks.protocol import Device, Framework
from alexnet.recipe import EXPERIMENTS
from alexnet.spec import FLOAT32_BYTES, IMAGENET_CLASSES, network
from bench.host.condition import CAFFEINATE, current_condition
from bench.host.machine import describe, likely_gpu
from bench.paths import ROOT
from bench.plan import prepare
from bench.plan.options import Options
from bench.plan.profiles import PROFILES
from bench.records.types import Condition, Machine

DataState = Literal["synthetic", "folder", "missing", "cached", "download"]

REQUIRED_PACKAGES: dict[Framework, tuple[str, ...]] = {
    "torch": ("torch", "torchvision"),
    "tensorflow": ("tensorflow", "keras"),
}

# The effect of each variable on a run, from the published libraries of torch 2.14.1 and
# tensorflow-metal 1.2.0; KMP_DUPLICATE_LIB_OK is from pytorch#193520.
IGNORED = "is ignored by this suite"
VARIABLES = {
    "PYTORCH_ENABLE_MPS_FALLBACK": f"times CPU work as the GPU's, and {IGNORED}",
    "PYTORCH_MPS_HIGH_WATERMARK_RATIO": "changes how much memory PyTorch may take from the GPU",
    "PYTORCH_MPS_FAST_MATH": "lets PyTorch's GPU kernels round more coarsely",
    "PYTORCH_MPS_PREFER_METAL": "makes PyTorch multiply matrices with other GPU kernels",
    "TF_MTL_ENABLE_LAYER_PRINT": "makes Apple's TensorFlow plugin print every layer while it is timed",
    "TF_MPS_DISABLE_ALLOCATION_CACHE": "makes Apple's TensorFlow plugin allocate memory anew each time",
    "MPS_MAX_COMMIT_COUNT": "changes how Apple's TensorFlow plugin hands work to the GPU",
    "MPS_ENABLE_GEMM_PLUGIN": "makes Apple's TensorFlow plugin multiply matrices another way",
    "MPS_DEVICE_CACHE_SIZE": "changes how much memory Apple's TensorFlow plugin keeps",
    "OMP_NUM_THREADS": "changes how many processor threads PyTorch computes with",
    "KMP_DUPLICATE_LIB_OK": "hides a doubled OpenMP library, which can stop a run for good",
    "TF_ENABLE_ONEDNN_OPTS": "makes TensorFlow's CPU kernels others, with other rounding and speed",
    "KERAS_BACKEND": IGNORED,
}

ARCHIVE_BYTES = 170_052_171
CIFAR10_BYTES = len((*TRAIN_FILES, *TEST_FILES)) * RECORDS_PER_FILE * RECORD_BYTES
FRAMEWORK_BYTES = 3_000_000_000  # a framework's libraries and buffers, and one batch's activations
RECORDS_BYTES = 50_000_000  # an upper bound for journals, logs and the saved file
# Copies of the weights: a checkpoint has two, the next one is written before the old one is removed
# (two more), and there are two of the best weights.
COPIES_ON_DISK = 6


@dataclass(frozen=True, kw_only=True)
class Disk:
    """The disk of one folder, and the bytes that a run adds to it; `volume` is its device number."""

    free_bytes: int | None
    needs_bytes: int
    writable: bool
    volume: int | None


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything that the rules of bench/doctor/ look at. None or a missing key means "not known".

    Package versions are in `machine.packages`. `device` is the one requested, `devices` has the one
    that each framework will use, and `refusals` the reason why a framework cannot use the GPU.
    `parameters` is the count of the run's largest network.
    """

    machine: Machine
    condition: Condition
    platform: str
    environment: Mapping[str, str]
    pins: Mapping[str, str]
    open_files: int | None
    caffeinate: bool
    results: Disk
    cache: Disk
    parameters: int
    data: DataState
    profile: str
    device: str
    frameworks: tuple[Framework, ...]
    gpu: Device | None
    devices: Mapping[Framework, Device]
    refusals: Mapping[Framework, str]

    @property
    def memory_needs_bytes(self) -> int:
        """Weights, gradients, momentum and one copy in float32, plus the framework's own memory."""
        return 4 * self.parameters * FLOAT32_BYTES + FRAMEWORK_BYTES

    @property
    def gate_needs_bytes(self) -> int:
        """Four copies in float64 (weights, gradients, momentum and one more) and three in float32."""
        return 11 * self.parameters * FLOAT32_BYTES + FRAMEWORK_BYTES


def release_numbers(version: str | None) -> tuple[int, ...]:
    """The leading numbers of a version: (2, 18, 1) for "2.18.1+cpu", () if it starts with none."""
    try:
        return Version(version or "").release
    except InvalidVersion:  # such as Python's own "3.14.0a1+"
        numbers = re.match(r"\d+(\.\d+)*", version or "")
        return tuple(int(number) for number in numbers[0].split(".")) if numbers else ()


def plugin_clash(platform: str, packages: Mapping[str, str]) -> str | None:
    """Why `import tensorflow` will crash here, judged by the versions alone; None if it will not.

    TensorFlow loads Apple's plugin on import, and pip installs pairs that do not fit: TensorFlow 2.20
    lacks symbols that plugin 1.2.0 links against (tensorflow#126360), and 2.18 lacks those of plugin
    1.1.0 (tensorflow#84167).
    """
    tensorflow, plugin = (packages.get(name) for name in ("tensorflow", "tensorflow-metal"))
    if platform != "darwin" or not tensorflow or not plugin:
        return None
    tensorflow_release, plugin_release = release_numbers(tensorflow), release_numbers(plugin)
    too_new = tensorflow_release >= (2, 20) and plugin_release < (1, 3)  # no 1.3 is known
    if too_new or (tensorflow_release >= (2, 18) and () < plugin_release < (1, 2)):
        return f"tensorflow {tensorflow} crashes as it is imported, with tensorflow-metal {plugin}"
    return None


def can_probe_gpu(framework: Framework, platform: str, packages: Mapping[str, str]) -> bool:
    """Whether a framework can be asked for its GPU: on a Mac TensorFlow needs a plugin that fits."""
    if any(not packages.get(name) for name in REQUIRED_PACKAGES[framework]):
        return False
    if framework == "torch" or platform != "darwin":
        return True
    return bool(packages.get("tensorflow-metal")) and plugin_clash(platform, packages) is None


def gather_facts(
    options: Options,
    *,
    results: Path = ROOT / "results",
    profile: str | None = None,
    devices: Mapping[Framework, Device] | None = None,
    machine: Machine | None = None,
    probe: bool = False,
) -> Facts:
    """The facts of this computer now. `profile`, `devices` and `machine` are used as given.

    `probe` starts each framework that is not in `devices`, in a process of its own, to ask for its
    GPU. Raises IllegalNetwork for an image size that is too small.
    """
    machine = machine or describe(options.machine)
    gpu = likely_gpu() if options.device != "cpu" else None
    known, refusals = dict(devices or {}), dict[Framework, str]()
    usable = [f for f in options.framework if can_probe_gpu(f, sys.platform, machine.packages)]
    if probe and gpu and options.device in ("auto", gpu):
        for framework in usable:
            if framework in known:
                continue
            try:  # the GPU by name: with "auto" a framework takes the CPU and gives no reason
                known |= prepare.find_devices(replace(options, framework=(framework,), device=gpu))
            except prepare.NotPrepared as error:
                refusals[framework] = str(error)
    if profile is None:
        on_gpu = gpu and len(usable) == len(options.framework) and not refusals
        auto = "full" if on_gpu and "cpu" not in known.values() else "quick"
        profile = auto if options.profile == "auto" else options.profile
    data, parameters = data_state(options), _largest_parameters(options, profile)
    open_files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    weights_bytes = parameters * FLOAT32_BYTES
    return Facts(
        machine=machine,
        condition=current_condition(),
        platform=sys.platform,
        environment={name: os.environ[name] for name in VARIABLES if name in os.environ},
        pins=read_pins(ROOT / "constraints.txt"),
        open_files=None if open_files == resource.RLIM_INFINITY else open_files,
        caffeinate=Path(CAFFEINATE[0]).exists(),
        results=_disk(results / machine.name, COPIES_ON_DISK * weights_bytes + RECORDS_BYTES),
        cache=_disk(prepare.cache_folder(), _download_bytes(options, data)),
        parameters=parameters,
        data=data,
        profile=profile,
        device=options.device,
        frameworks=options.framework,
        gpu=gpu,
        devices=known,
        refusals=refusals,
    )


def read_pins(constraints: Path) -> dict[str, str]:
    """Package -> version, from a pip constraints file; empty if there is no such file."""
    text = constraints.read_text() if constraints.is_file() else ""
    return dict(re.findall(r"^([\w.-]+)==([^\s;#]+)", text, re.MULTILINE))


def data_state(options: Options) -> DataState:
    """Where bench/plan/prepare.py would take the images from; files are checked by size alone."""
    if options.dataset == "synthetic":
        return "synthetic"
    if path := options.data_dir or os.environ.get("ALEXNET_DATA"):
        folder = Path(path).expanduser()
        inner = folder / FOLDER if (folder / FOLDER).is_dir() else folder
        files = [inner / name for name in (*TRAIN_FILES, *TEST_FILES)]
        sizes = [file.stat().st_size if file.is_file() else 0 for file in files]
        return "folder" if set(sizes) == {RECORDS_PER_FILE * RECORD_BYTES} else "missing"
    return "cached" if (prepare.cache_folder() / ARCHIVE).is_file() else "download"


def _download_bytes(options: Options, data: DataState) -> int:
    """The growth of the cache: the archive and its images, and ImageNet's weights in two formats."""
    needed = ARCHIVE_BYTES + CIFAR10_BYTES if data == "download" else 0
    pretrained = any(EXPERIMENTS[name].pretrained for name in options.experiment)
    if pretrained and not any(prepare.cache_folder().glob("*.safetensors")):
        needed += 2 * network("torchvision", classes=IMAGENET_CLASSES).parameters * FLOAT32_BYTES
    return needed


def _largest_parameters(options: Options, profile: str) -> int:
    image_size = options.image_size or PROFILES[profile].image_size
    variants = [EXPERIMENTS[name].variant for name in options.experiment]
    return max(network(variant, image_size=image_size).parameters for variant in variants)


def _disk(folder: Path, needs_bytes: int) -> Disk:
    """The disk of a folder, or of its nearest parent if the folder does not exist yet."""
    folder = folder.absolute()
    existing = next((path for path in (folder, *folder.parents) if path.is_dir()), Path("/"))
    writable = os.access(existing, os.W_OK | os.X_OK)
    try:
        free, volume = shutil.disk_usage(existing).free, existing.stat().st_dev
    except OSError:
        return Disk(free_bytes=None, needs_bytes=needs_bytes, writable=writable, volume=None)
    return Disk(free_bytes=free, needs_bytes=needs_bytes, writable=writable, volume=volume)
