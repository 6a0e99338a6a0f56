"""How a figure of a file is held against the one that is due."""

from __future__ import annotations

import math
from typing import Any

from bench.records.read import Problems, as_text


def same(found: Any, due: Any, relative: float) -> bool:
    """Whether two figures are equal; floats but for what another order of a sum rounds differently."""
    numbers = isinstance(found, int | float) and isinstance(due, int | float)
    if numbers and (isinstance(found, float) or isinstance(due, float)):
        return math.isclose(found, due, rel_tol=relative, abs_tol=1e-12)
    if isinstance(found, list | tuple) and isinstance(due, list | tuple):
        return len(found) == len(due) and all(
            same(one, other, relative) for one, other in zip(found, due, strict=True)
        )
    return bool(found == due)


def unlike(
    field: str, found: Any, due: Any, *, by: str = "the file itself gives", relative: float = 1e-9
) -> Problems:
    """A sentence where a field is not what it must be."""
    if not same(found, due, relative):
        yield f"{field} is {as_text(found)}, and {by} {as_text(due)}"
