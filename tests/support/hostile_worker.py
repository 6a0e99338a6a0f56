"""Stands for bench.fleet.worker on a host whose owner means harm; `HOSTILE` says what it tries.

What would be run on the coordinator's computer leaves the file of `HOSTILE_MARK` behind.
"""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import sys
from pathlib import Path
from typing import Any

import distributed.worker
import msgspec
from distributed import Security
from distributed.comm import connect
from distributed.core import Status
from distributed.protocol import ToPickle
from distributed.protocol.serialize import Serialize

from bench.fleet import worker
from bench.fleet.worker import HostWorker, WorkerFile

WHAT, MARK = os.environ["HOSTILE"], Path(os.environ["HOSTILE_MARK"])


class Bomb:
    """Its pickle runs a command wherever it is loaded."""

    def __reduce__(self) -> Any:
        return os.system, (f"echo ran >> {MARK}",)


class Hostile(HostWorker):
    """A worker that sends what no honest one does."""

    def get_data(self, comm: Any, keys: Any, **options: Any) -> Any:
        answers = {
            "pickled answer": {key: Serialize(Bomb()) for key in keys},
            "pickled message": {key: ToPickle(Bomb()) for key in keys},
            "no bytes": {key: Serialize({"state": "running"}) for key in keys},
        }
        return send(comm, {"status": "OK", "data": answers[WHAT]})


class Liar(HostWorker):
    """A worker that answers, and says of its host what no scheduler can count with."""

    async def get_data(self, comm: Any, keys: Any, **options: Any) -> Any:
        await self.scheduler.heartbeat_worker(
            address=self.contact_address,
            metrics=await self.get_metrics(),
            host_info={"addresses": [], "nthreads": None},
        )
        return await super().get_data(comm, keys, **options)


async def send(comm: Any, message: Any) -> Any:
    await comm.write(message, serializers=["pickle"])
    await comm.read()
    return Status.dont_reply


async def ask_the_scheduler(told: WorkerFile, folder: Path) -> None:
    """Speaks to the scheduler as someone else, and prints what came of it."""
    security = Security(
        require_encryption=True,
        tls_ca_file=str(folder / told.ca),
        tls_client_cert=str(folder / told.certificate),
        tls_client_key=str(folder / told.key),
    )
    messages: dict[str, Any] = {
        "client": {"op": "register-client", "client": "me", "versions": {}, "reply": False},
        "function": {"op": "run_function", "function": pickle.dumps(Bomb()), "reply": True},
        "pickle": {"op": "identity", "evil": ToPickle(Bomb()), "reply": True},
        "another's name": {"op": "register-worker", "name": "mac-02", "address": "tls://127.0.0.1:9"},
        "another's address": {"op": "heartbeat_worker", "address": "tls://127.0.0.1:10"},
    }
    came = ""
    try:
        comm = await connect(f"tls://127.0.0.1:{told.port}", **security.get_connection_args("client"))
        await comm.write(messages[WHAT])
        came = repr(await asyncio.wait_for(comm.read(), 10))
    except Exception as error:
        came = type(error).__name__
    MARK.with_suffix(".answer").write_text(came)
    sys.exit(f"the scheduler said {came}")


def main() -> int:
    file = Path(sys.argv[1])
    if WHAT in ("pickled answer", "pickled message", "no bytes"):
        vars(worker)["HostWorker"] = Hostile
        return worker.main()
    if WHAT == "host info":
        vars(worker)["HostWorker"] = Liar
        return worker.main()
    if WHAT == "versions":
        vars(distributed.worker)["get_versions"] = lambda: {"packages": 1}
        return worker.main()
    told = msgspec.json.decode(file.read_bytes(), type=WorkerFile)
    print(json.dumps({"port": 9, "process": os.getpid()}), flush=True)
    asyncio.run(ask_the_scheduler(told, file.parent))
    return 0


if __name__ == "__main__":
    sys.exit(main())
