"""Writes data so that a person can read its difference: sorted keys, one entry a line, lists on one line."""

from __future__ import annotations

import json
from typing import Any


def dump(data: Any, depth: int = 0) -> str:
    """JSON with dictionaries spread over lines and lists kept on one."""
    if isinstance(data, dict) and data:
        pad = " " * (depth + 1)
        rows = [f"{pad}{json.dumps(key)}: {dump(data[key], depth + 1)}" for key in sorted(data)]
        return "{\n" + ",\n".join(rows) + "\n" + " " * depth + "}"
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False)
