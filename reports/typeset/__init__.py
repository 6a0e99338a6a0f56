"""The frames as tables for readers: units and rounding at the edge, captions that say how to read."""

from __future__ import annotations

from reports.document import Table
from reports.study.compare import Study
from reports.typeset import accuracy, audited, compared, conditions, glance, measured, networks, origins


def tables(study: Study) -> dict[str, Table]:
    """Key -> table in the order of reading, only those that have rows."""
    found: dict[str, Table] = {}
    for part in (glance, compared, measured, accuracy, networks, conditions, audited, origins):
        found |= part.tables(study)
    return found
