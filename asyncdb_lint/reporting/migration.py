"""What a migration did and what it left, as text and as JSON."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncdb_lint.migrate.project import Migration

HEADINGS = {
    "rewritten": "Rewritten",
    "changed behaviour": "Rewritten, and different in behaviour",
    "manual": "To do by hand",
}


def as_json(found: Migration) -> str:
    """A list of items; `manual` ones are not rewritten."""
    return json.dumps(
        {
            "files": [path.as_posix() for path in sorted(found.texts)],
            "items": [
                {
                    "code": each.code,
                    "outcome": each.outcome,
                    "filename": each.filename,
                    "location": {"row": each.location.row, "column": each.location.column},
                    "message": each.message,
                    "advice": each.advice or None,
                }
                for each in found.items
            ],
        },
        indent=2,
    )


def as_text(found: Migration) -> str:
    """The items by what became of them, what is left to do last."""
    parts = []
    for outcome, heading in HEADINGS.items():
        lines = [
            f"  {os.path.relpath(each.filename)}:{each.location.row}:{each.location.column}: {each.code} {each.message}"
            + (f"; {each.advice}" if each.advice else "")
            for each in found.items
            if each.outcome == outcome
        ]
        if lines:
            parts.append("\n".join([heading, *lines]) + "\n")
    return "\n".join(parts)
