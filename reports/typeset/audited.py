"""The audit of the original report as a table: claim by claim what became of it."""

from __future__ import annotations

from reports import audit
from reports.document import Table
from reports.study.compare import Study
from reports.typeset import names
from reports.typeset.build import line, table, text


def tables(study: Study) -> dict[str, Table]:
    """Under the key audit."""
    frame = audit.audit(study)
    fields = [
        text("What the report said", frame["claim"]),
        text("State", frame["state"]),
        text("What arithmetic says", frame["arithmetic"]),
        text("What the runs here say", frame["measured"]),
        text("Runs", names.runs(frame["runs"]), absent=line("")),
    ]
    caption = [line(sentence) for sentence in audit.RULES]
    return table("audit", "The original report's claims, one by one", fields, caption)
