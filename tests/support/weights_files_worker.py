"""What becomes of files that people have in the place of torchvision's, told by the real torch.

`python -m tests.support.weights_files_worker FOLDER` prints a JSON object: name of a file -> what is
said of it, "" if it is taken. The network is narrow. A server on this computer stands for torchvision's.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from alexnet import imagenet, spec
from alexnet.frameworks.torch import torchvision_file
from alexnet.spec import network
from alexnet.weights import WeightsError
from tests.support.narrow import narrow_variants


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None: ...


def write_files(folder: Path, state: dict[str, Any]) -> list[Path]:
    """A file of each kind, by what it is called."""
    parameters = {name: torch.nn.Parameter(tensor) for name, tensor in state.items()}
    layer = torch.nn.Linear(2, 2)
    contents: dict[str, Any] = {
        "state dict": state,
        "parameters by name": parameters,
        "list of parameters": list(parameters.values()),
        "checkpoint": {"epoch": 3, "state_dict": state},
        "whole model": layer,
        "data parallel": {f"module.{name}": tensor for name, tensor in state.items()},
        "half precision": {name: tensor.half() for name, tensor in state.items()},
    }
    for name, content in contents.items():
        torch.save(content, folder / f"{name}.pth")
    torch.save(state, folder / "legacy.pth", _use_new_zipfile_serialization=False)
    whole = (folder / "state dict.pth").read_bytes()
    for name, some_bytes in {
        "empty": b"",
        "cut short": whole[: len(whole) // 2],
        "web page": b"<html>404</html>",
        "pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:7be5\nsize 244408911\n",
    }.items():
        (folder / f"{name}.pth").write_bytes(some_bytes)
    return sorted(folder.glob("*.pth"))


def said_of(file: Path | None) -> str:
    try:
        imagenet.load_torchvision(file)
    except WeightsError as error:
        return str(error)
    return ""


def said_of_cached(folder: Path, whole: bytes) -> dict[str, str]:
    """Of torch's cached copy of torchvision's file: damaged with the server there, and without it."""
    name = f"alexnet-owt-{hashlib.sha256(whole).hexdigest()[:8]}.pth"
    (folder / name).write_bytes(whole)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/{name}"
    vars(torchvision_file)["WEIGHTS"] = SimpleNamespace(url=address)
    torch.hub.set_dir(str(folder / "hub"))
    cached, said = torchvision_file.cached_file(), {}
    cached.parent.mkdir(parents=True)
    for damage in (b"", whole[:-1]):
        cached.write_bytes(damage)
        said[f"cached {len(damage)} bytes"] = said_of(None)
        assert cached.read_bytes() == whole
    server.shutdown()
    server.server_close()
    said["cached whole, offline"] = said_of(None)
    cached.write_bytes(b"")
    said["cached empty, offline"] = said_of(None)
    cached.unlink()
    said["not cached, offline"] = said_of(None)
    return said


def main() -> None:
    folder = Path(sys.argv[1])
    os.environ["no_proxy"] = "127.0.0.1"
    spec.VARIANTS.update(narrow_variants(16))
    net = network("torchvision", classes=1000)
    state = {source: torch.rand(net.tensors[target]) for target, source in imagenet.SOURCES.items()}
    said = {file.stem: said_of(file) for file in write_files(folder, state)}
    said |= said_of_cached(folder, (folder / "state dict.pth").read_bytes())
    print(json.dumps(said))


if __name__ == "__main__":
    main()
