"""What the doctor judges, as plain values: gathered once, and no framework imported for it."""

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
from alexnet.spec import FLOAT32_BYTES, network
from bench.host.condition import CAFFEINATE, take
from bench.host.machine import describe, likely_gpu
from bench.paths import ROOT
from bench.plan import prepare
from bench.plan.options import Options
from bench.plan.profiles import PROFILES
from bench.records.types import Condition, Machine

DataState = Literal["synthetic", "folder", "missing", "cached", "download"]

NEEDED: dict[Framework, tuple[str, ...]] = {
    "torch": ("torch", "torchvision"),
    "tensorflow": ("tensorflow", "keras"),
}

# What each does to a run. Read out of the published libraries of torch 2.14.1 and tensorflow-metal
# 1.2.0, but for KMP_DUPLICATE_LIB_OK (pytorch#193520).
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
FRAMEWORK_BYTES = 3_000_000_000  # with its libraries, its buffers and one batch's activations
RECORDS_BYTES = 50_000_000  # journals, logs and the saved file, generously
COPIES_ON_DISK = 6  # a checkpoint has two, and its successor is whole before it goes; two best weights


@dataclass(frozen=True, kw_only=True)
class Disk:
    """The disk of one folder, and what a run adds there; `volume` is the system's number of it."""

    free_bytes: int | None
    needs_bytes: int
    writable: bool
    volume: int | None


@dataclass(frozen=True, kw_only=True)
class Facts:
    """All that the rules of bench/doctor/ look at. None, or a missing key, is what is not known.

    The packages are the machine's, whose versions are read without importing any of them.
    `device` is what was asked for, `devices` what each framework will take and `refusals` why one
    cannot use the GPU. `parameters` are those of the largest network of the run.
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
        """Weights, gradients, momentum and one copy, and what a framework takes for itself."""
        return 4 * self.parameters * FLOAT32_BYTES + FRAMEWORK_BYTES

    @property
    def gate_needs_bytes(self) -> int:
        """Weights, gradients, momentum and a copy in float64; three copies in float32."""
        return 11 * self.parameters * FLOAT32_BYTES + FRAMEWORK_BYTES


def release(version: str | None) -> tuple[int, ...]:
    """The numbers that a version begins with, empty where it has none: "2.18.1+cpu" is (2, 18, 1)."""
    try:
        return Version(version or "").release
    except InvalidVersion:  # Python's own "3.14.0a1+" is one
        begins = re.match(r"\d+(\.\d+)*", version or "")
        return tuple(int(part) for part in begins[0].split(".")) if begins else ()


def plugin_clash(platform: str, packages: Mapping[str, str]) -> str | None:
    """Why `import tensorflow` will crash here, or None: known from the versions alone.

    TensorFlow loads Apple's plugin when it is imported, and pip installs pairs that do not fit: 2.20
    lost what plugin 1.2.0 links against (tensorflow#126360), 2.18 what 1.1.0 does (tensorflow#84167).
    """
    tensorflow, plugin = (packages.get(name) for name in ("tensorflow", "tensorflow-metal"))
    if platform != "darwin" or not tensorflow or not plugin:
        return None
    fits_not = release(tensorflow) >= (2, 20) and release(plugin) < (1, 3)  # no 1.3 is known
    if fits_not or (release(tensorflow) >= (2, 18) and () < release(plugin) < (1, 2)):
        return f"tensorflow {tensorflow} crashes as it is imported, with tensorflow-metal {plugin}"
    return None


def can_be_asked(framework: Framework, platform: str, packages: Mapping[str, str]) -> bool:
    """Whether a framework can be asked about a GPU: on a Mac TensorFlow needs a plugin that fits."""
    if any(not packages.get(name) for name in NEEDED[framework]):
        return False
    if framework == "torch" or platform != "darwin":
        return True
    return bool(packages.get("tensorflow-metal")) and plugin_clash(platform, packages) is None


def gather(
    options: Options,
    *,
    results: Path = ROOT / "results",
    profile: str | None = None,
    devices: Mapping[Framework, Device] | None = None,
    here: Machine | None = None,
    ask: bool = False,
) -> Facts:
    """The facts of this computer now; what the caller has settled already is taken as it is.

    `ask` starts each framework that `devices` lacks, in a process of its own. Raises IllegalNetwork
    for an image size that cannot be.
    """
    here = here or describe(options.machine)
    gpu = likely_gpu() if options.device != "cpu" else None
    known, refusals = dict(devices or {}), dict[Framework, str]()
    able = [f for f in options.framework if can_be_asked(f, sys.platform, here.packages)]
    if ask and gpu and options.device in ("auto", gpu):
        known, refusals = _answers(options, able, gpu, known)
    if profile is None:
        on_gpu = gpu and len(able) == len(options.framework) and not refusals
        auto = "full" if on_gpu and "cpu" not in known.values() else "quick"
        profile = auto if options.profile == "auto" else options.profile
    data, parameters = data_state(options), _largest(options, profile)
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return Facts(
        machine=here,
        condition=take(),
        platform=sys.platform,
        environment={name: os.environ[name] for name in VARIABLES if name in os.environ},
        pins=pins(ROOT / "constraints.txt"),
        open_files=None if files == resource.RLIM_INFINITY else files,
        caffeinate=Path(CAFFEINATE[0]).exists(),
        results=_disk(results / here.name, COPIES_ON_DISK * parameters * FLOAT32_BYTES + RECORDS_BYTES),
        cache=_disk(prepare.cache_folder(), _downloads(options, data)),
        parameters=parameters,
        data=data,
        profile=profile,
        device=options.device,
        frameworks=options.framework,
        gpu=gpu,
        devices=known,
        refusals=refusals,
    )


def _answers(
    options: Options, able: list[Framework], gpu: Device, known: dict[Framework, Device]
) -> tuple[dict[Framework, Device], dict[Framework, str]]:
    """The devices known and new, and the reason of each framework that cannot use the GPU."""
    refusals: dict[Framework, str] = {}
    for framework in [framework for framework in able if framework not in known]:
        try:  # the GPU by name, since a framework that may choose says nothing of what it lacks
            known |= prepare.devices(replace(options, framework=(framework,), device=gpu))
        except prepare.NotPrepared as error:
            refusals[framework] = str(error)
    return known, refusals


def pins(constraints: Path) -> dict[str, str]:
    """Package -> version of a pip constraints file; empty where there is no such file."""
    text = constraints.read_text() if constraints.is_file() else ""
    return dict(re.findall(r"^([\w.-]+)==([^\s;#]+)", text, re.MULTILINE))


def data_state(options: Options) -> DataState:
    """Where the images would come from, as bench/plan/prepare.py looks for them; only sizes are read."""
    if options.dataset == "synthetic":
        return "synthetic"
    if named := options.data_dir or os.environ.get("ALEXNET_DATA"):
        folder = Path(named).expanduser()
        inner = folder / FOLDER if (folder / FOLDER).is_dir() else folder
        files = [inner / name for name in (*TRAIN_FILES, *TEST_FILES)]
        sizes = [file.stat().st_size if file.is_file() else 0 for file in files]
        return "folder" if set(sizes) == {RECORDS_PER_FILE * RECORD_BYTES} else "missing"
    return "cached" if (prepare.cache_folder() / ARCHIVE).is_file() else "download"


def _downloads(options: Options, data: DataState) -> int:
    """The bytes that the cache will grow by: the archive and its images, ImageNet's weights twice."""
    need = ARCHIVE_BYTES + CIFAR10_BYTES if data == "download" else 0
    pretrained = any(EXPERIMENTS[name].weights == "imagenet" for name in options.experiment)
    if pretrained and not any(prepare.cache_folder().glob("*.safetensors")):
        need += 2 * network("torchvision", classes=1000).parameters * FLOAT32_BYTES
    return need


def _largest(options: Options, profile: str) -> int:
    size = options.image_size or PROFILES[profile].image_size
    variants = [EXPERIMENTS[name].variant for name in options.experiment]
    return max(network(variant, image_size=size).parameters for variant in variants)


def _disk(folder: Path, needs_bytes: int) -> Disk:
    """The disk of a folder, which need not be there yet."""
    above = (folder.absolute(), *folder.absolute().parents)
    place = next((place for place in above if place.is_dir()), Path("/"))
    writable = os.access(place, os.W_OK | os.X_OK)
    try:
        free, volume = shutil.disk_usage(place).free, place.stat().st_dev
    except OSError:
        return Disk(free_bytes=None, needs_bytes=needs_bytes, writable=writable, volume=None)
    return Disk(free_bytes=free, needs_bytes=needs_bytes, writable=writable, volume=volume)
