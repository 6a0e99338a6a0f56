"""What comes home from a host: vetted, each session in one file, and never over another's."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

pytest.importorskip("asyncssh", reason="the extra `fleet` is not installed")

from bench.fleet import collect
from bench.fleet.collect import Collector
from bench.fleet.hosts import Host
from bench.fleet.remote import RemoteFile, Status
from bench.fleet.ssh import TooLarge
from bench.fleet.state import FleetError, HostRecord, StateFile, begin, last
from bench.fleet.vet import Vetted, vet
from tests.support.saved_file import MAC, genuine_content, make_file, saved_text
from tests.support.saved_file_edits import put

NAME = MAC.name
SESSION = "20261127T101010-quick"
HOST = Host(name=NAME, address="there")
LATER = ("a", "b", "c")


class Over:
    """The files of a host, and which were fetched."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.fetched: list[str] = []

    async def get(self, path: str, most_bytes: int) -> bytes:
        self.fetched.append(path)
        if path not in self.files:
            raise FileNotFoundError(path)
        if len(self.files[path]) > most_bytes:
            raise TooLarge(path)
        return self.files[path]

    def put(self, name: str, content: bytes, *, final: bool) -> RemoteFile:
        folder = f"alexnet-bench/results/{NAME}/"
        self.files[folder + name if final else f"{folder}.runs/{SESSION}/{name}"] = content
        sha256 = hashlib.sha256(content).hexdigest()
        return RemoteFile(name=name, sha256=sha256, final=final)


@pytest.fixture
def there() -> Over:
    return Over()


@pytest.fixture
def state(tmp_path: Path) -> StateFile:
    return begin(tmp_path / "fleet", [HOST], commit="c" * 40, save_as="fleet")


@pytest.fixture
def collector(tmp_path: Path, state: StateFile, monkeypatch: pytest.MonkeyPatch) -> Collector:
    """Files are lists of the checksums of their runs; `evil` is refused."""

    async def vetted(self: Collector, record: HostRecord, content: bytes, sha256: str) -> Vetted:
        runs = content.decode().split()
        return Vetted(refused="it is evil") if "evil" in runs else Vetted(runs=tuple(runs))

    monkeypatch.setattr(Collector, "_vet", vetted)
    return Collector(results=tmp_path / "results", state=state)


def bring(collector: Collector, there: Over, files: Sequence[RemoteFile]) -> list[str]:
    status = Status(state="running", now=0.0, session=SESSION, files=tuple(files))
    connection: Any = there
    record = collector.state.fleet.hosts[0]
    return asyncio.run(collector.bring(connection, record, status))


def home(collector: Collector) -> dict[str, str]:
    folder = collector.results / NAME
    return {file.name: file.read_text() for file in sorted(folder.iterdir())} if folder.exists() else {}


def so_far(there: Over, *runs: str) -> RemoteFile:
    return there.put("so-far.json", " ".join(runs).encode(), final=False)


def final(there: Over, *runs: str, name: str = "0007_fleet.json") -> RemoteFile:
    return there.put(name, " ".join(runs).encode(), final=True)


def test_a_session_is_one_file_which_its_later_ones_replace(collector: Collector, there: Over) -> None:
    for write_file, text in ((so_far, "a"), (so_far, "a b"), (final, "a b"), (final, "a b c")):
        assert bring(collector, there, [write_file(there, *text.split())]) == []
        assert home(collector) == {"0001_fleet.json": text}
    (stored,) = collector.state.fleet.hosts[0].stored
    assert stored.final
    assert stored.runs == LATER


def test_a_file_of_another_session_stays_as_it_is(collector: Collector, there: Over) -> None:
    earlier = collector.results / NAME / "0004_quick.json"
    earlier.parent.mkdir(parents=True)
    earlier.write_text("mine")
    bring(collector, there, [so_far(there, "a")])
    bring(collector, there, [final(there, "x", "y")])
    assert home(collector) == {
        "0004_quick.json": "mine",
        "0005_fleet.json": "a",
        "0006_fleet.json": "x y",
    }


def test_what_is_at_home_is_not_fetched_again_and_what_was_lost_here_is(
    collector: Collector, there: Over
) -> None:
    file = final(there, "a")
    for _ in range(3):
        bring(collector, there, [file])
    assert len(there.fetched) == 1
    (collector.results / NAME / "0001_fleet.json").write_text("")  # as a power cut leaves it
    bring(collector, there, [file])
    assert home(collector) == {"0001_fleet.json": "a"}
    assert len(there.fetched) == 2


def test_a_session_that_goes_on_has_its_old_file_beside_what_it_has_so_far(
    collector: Collector, there: Over
) -> None:
    old = final(there, "a")
    bring(collector, there, [old])
    for _ in range(3):
        bring(collector, there, [old, so_far(there, "a", "b")])
    assert home(collector) == {"0001_fleet.json": "a b"}
    assert len(there.fetched) == 3, "the old file is not fetched at every poll"
    bring(collector, there, [final(there, "a", "b", "c")])
    assert home(collector) == {"0001_fleet.json": "a b c"}


def test_equal_files_do_not_take_turns(collector: Collector, there: Over) -> None:
    files = [final(there, "a"), there.put("so-far.json", b"a ", final=False)]
    for _ in range(4):
        bring(collector, there, files)
    assert len(there.fetched) == 3, "what has so far come home is looked at once more, and no more"
    assert home(collector) == {"0001_fleet.json": "a"}


def test_what_is_refused_is_kept_aside_and_told_once(collector: Collector, there: Over) -> None:
    file = final(there, "evil")
    (sentence,) = bring(collector, there, [file])
    assert "0007_fleet.json is refused: it is evil (kept as fleet/" in sentence
    assert bring(collector, there, [file]) == []
    assert home(collector) == {}
    (kept,) = (collector.state.folder / "refused").iterdir()
    assert kept.read_text() == "evil"
    assert kept.name == f"{NAME}-{file.sha256[:16]}.json"


def test_of_a_host_that_means_harm_little_is_kept_and_told(collector: Collector, there: Over) -> None:
    told = []
    for number in range(2 * collect.MOST_REFUSED):
        told += bring(collector, there, [final(there, "evil", str(number))])
    assert len(told) == collect.MOST_REFUSED
    assert told[-1].endswith("; of any more nothing is said")
    assert len(list((collector.state.folder / "refused").iterdir())) == collect.MOST_REFUSED
    many = [RemoteFile(name="x", sha256=str(number), final=True) for number in range(200)]
    assert bring(collector, there, many) == []
    assert bring(collector, there, [final(there, "a")]) == []
    assert home(collector) == {"0001_fleet.json": "a"}, "what is sound is taken all the same"


@pytest.mark.parametrize(
    ("name", "is_final"),
    [
        ("../../.ssh/authorized_keys", True),
        ("0001_x/../../y.json", True),
        ("x.json", True),
        ("0001_\x1b[2J.json", True),
        ("0001_x.json", False),
    ],
)
def test_a_name_that_no_session_writes_is_not_even_asked_for(
    name: str, is_final: bool, collector: Collector, there: Over
) -> None:
    (sentence,) = bring(collector, there, [RemoteFile(name=name, sha256="0", final=is_final)])
    assert "which no session writes" in sentence
    assert sentence.isprintable()
    assert there.fetched == []


def test_a_file_that_is_too_large_or_has_just_changed(
    collector: Collector, there: Over, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = replace(final(there, "a"), sha256="0" * 64)
    assert bring(collector, there, [changed]) == []
    assert home(collector) == {}
    monkeypatch.setattr(collect, "MOST_BYTES", 2)
    (sentence,) = bring(collector, there, [final(there, "a", "b")])
    assert "more than" in sentence


def test_a_folder_that_cannot_be_written_is_named(collector: Collector, there: Over) -> None:
    collector.results.write_text("in the way")
    with pytest.raises(FleetError, match="cannot be written"):
        bring(collector, there, [final(there, "a")])


def test_the_record_on_disk_knows_what_is_at_home(collector: Collector, there: Over) -> None:
    bring(collector, there, [final(there, "a")])
    again = last(collector.state.folder.parent)
    assert again.fleet == collector.state.fleet
    collector.state = again
    bring(collector, there, [final(there, "a")])
    assert len(there.fetched) == 1


# Whether it is a result of that host


def write(folder: Path, text: str) -> Path:
    file = folder / "file.json"
    file.write_text(text)
    return file


def test_a_genuine_file_passes_and_its_complete_runs_are_named(tmp_path: Path) -> None:
    vetted = vet(write(tmp_path, saved_text("mac")), NAME)
    checksums = [entry["extra_info"]["checksum"] for entry in genuine_content("mac")["benchmarks"]]
    assert vetted == Vetted(runs=tuple(checksums), problems=0)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is not JSON"),
        ("[" * 100_000, "nested too deep"),
        ('{"machine_info": {}, "benchmarks": []}', "another suite saved it"),
        (json.dumps({"a": "\x1b[2J" * 1000}), "lacks machine_info"),
    ],
)
def test_what_is_no_result_file_is_refused_in_a_sentence(text: str, why: str, tmp_path: Path) -> None:
    refused = vet(write(tmp_path, text), NAME).refused
    assert refused
    assert why in refused
    assert refused.isprintable()


def test_a_file_of_another_machine_is_refused(tmp_path: Path) -> None:
    refused = vet(write(tmp_path, saved_text("mac")), "mac-07").refused
    assert refused == f"it is of {NAME!r}, and came from mac-07"


def test_a_file_that_was_tampered_with_is_refused(tmp_path: Path) -> None:
    content = genuine_content("mac")
    put("run/epochs/1/train_seconds", 1.5)(content)
    refused = vet(write(tmp_path, json.dumps(content)), NAME).refused
    assert refused
    assert "checksum" in refused


@pytest.mark.slow
def test_the_vetting_process_says_the_same(tmp_path: Path, state: StateFile, there: Over) -> None:
    collector = Collector(results=tmp_path / "results", state=state)
    bring(collector, there, [there.put("0001_fleet.json", saved_text("mac").encode(), final=True)])
    assert list(home(collector)) == ["0001_fleet.json"]
    evil = make_file(replace(MAC, name="another"), [], [], [])
    (sentence,) = bring(
        collector, there, [there.put("0002_fleet.json", json.dumps(evil).encode(), final=True)]
    )
    assert "it is of 'another'" in sentence
    assert not list(state.folder.glob("incoming-*"))
