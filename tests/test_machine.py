"""The machine's name is readable, stable and safe as a folder."""

from __future__ import annotations

import pytest

from bench import machine


@pytest.mark.parametrize(
    ("given", "slug"),
    [
        ("Apple M1 Pro-Annas-MacBook", "apple-m1-pro-annas-macbook"),
        ("AMD EPYC (TM) 7R13/../x", "amd-epyc-tm-7r13-x"),
        ("../../etc", "etc"),
        ("[*?]", "unnamed"),
        ("", "unnamed"),
    ],
)
def test_a_name_is_safe_as_a_folder_and_in_a_glob(given: str, slug: str) -> None:
    assert machine.slug(given) == slug


def test_this_machine_is_described() -> None:
    found = machine.describe()
    assert found.name == machine.slug(found.name)
    assert found.memory_bytes > 10**9
    assert machine.describe("My Mac").name == "my-mac"
