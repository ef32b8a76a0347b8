"""The inventory of engines as a table for people and as JSON for programs."""

from __future__ import annotations

import json
import math
import os
from typing import TYPE_CHECKING, Any, TextIO

from asyncdb_lint.semantics.inventory import CACHES, size_of

if TYPE_CHECKING:
    from asyncdb_lint.config import Settings
    from asyncdb_lint.inventory import Inventory, Item
    from asyncdb_lint.semantics.trace import Place

UNKNOWN = "?"


def as_json(found: Inventory, settings: Settings) -> str:
    """The inventory with its sum; `null` stands for what nobody knows, and for no limit `"unlimited"`."""
    processes = settings.processes or 1
    return json.dumps(
        {
            "engines": [of_item(each) for each in found.items],
            "connections": {
                "per_process": found.total,
                "processes": processes,
                "total": found.total * processes,
                "max_connections": settings.max_connections,
                "pools_of_unknown_size": found.unknown,
            },
        },
        indent=2,
    )


def of_item(item: Item) -> dict[str, Any]:
    each = item.asset
    return {
        "kind": each.what,
        "name": each.name or None,
        "made_by": each.maker,
        "mode": "async" if each.is_async else "sync",
        "database": each.database or None,
        "driver": each.driver or None,
        "pool": each.pool or None,
        "least": number(each.least),
        "most": number(each.most),
        "counts": item.counts,
        "options": dict(each.options),
        "engine": item.engine or None,
        "location": where(item.place),
        "closed": [where(place) for place in item.closed],
    }


def number(value: float | None) -> int | str | None:
    if value is None:
        return None
    return "unlimited" if math.isinf(value) else int(value)


def where(place: Place) -> dict[str, Any]:
    return {"filename": place.path, "row": place.row, "column": place.column}


def write_table(found: Inventory, settings: Settings, stream: TextIO) -> None:
    """A table of engines and pools, one of session factories, and the sum in words."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(file=stream, soft_wrap=False, width=None if stream.isatty() else 200)
    pools = [each for each in found.items if each.asset.what != "session factory"]
    factories = [each for each in found.items if each.asset.what == "session factory"]
    if not found.items:
        console.print("No engine, pool or session factory found.")
        return
    if pools:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for name in ("Name", "Driver", "Mode", "Pool", "Size", "Ping", "Recycle", "Caches", "Made", "Closed"):
            table.add_column(name, overflow="fold")
        for each in pools:
            table.add_row(*cells(each))
        console.print(table)
    if factories:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for name in ("Session factory", "Mode", "Engine", "Made"):
            table.add_column(name, overflow="fold")
        for each in factories:
            mode = "async" if each.asset.is_async else "sync"
            table.add_row(each.asset.name or each.asset.maker, mode, each.engine or UNKNOWN, at(each.place))
        console.print(table)
    console.print(sum_of(found, settings), highlight=False)


def cells(item: Item) -> tuple[str, ...]:
    each = item.asset
    ping = each.options.get("pool_pre_ping", "no" if each.what == "engine" else "")
    recycle = next(
        (each.options[name] for name in ("pool_recycle", "max_inactive_connection_lifetime", "max_lifetime")
         if name in each.options), "",
    )  # fmt: skip
    caches = ", ".join(f"{name}={each.options[name]}" for name in CACHES if name in each.options)
    return (
        each.name or each.maker,
        each.driver or each.database or UNKNOWN,
        "async" if each.is_async else "sync",
        each.pool or UNKNOWN,
        size_of(each),
        "yes" if ping == "True" else "no" if ping == "False" else ping,
        recycle,
        caches,
        at(item.place),
        "\n".join(at(place) for place in item.closed) or "never",
    )


def at(place: Place) -> str:
    """A place as seen from the working directory."""
    return f"{os.path.relpath(place.path)}:{place.row}"


def sum_of(found: Inventory, settings: Settings) -> str:
    """The sum of all pools against the server's limit, in a sentence or two."""
    processes = settings.processes or 1
    total = found.total * processes
    text = f"Together the pools may open {found.total} connections"
    if settings.processes is not None:
        text += f" in a process, {total} in {processes} processes"
    if settings.max_connections is not None:
        over = total - settings.max_connections
        verdict = f"{over} too many" if over > 0 else "enough"
        text += f"; the server takes {settings.max_connections}: {verdict}"
    text += "."
    if found.unknown:
        text += f" {found.unknown} of unknown size or without limit not counted."
    if settings.max_connections is None:
        text += " Set `max-connections` and `processes` to have that checked (ADB602)."
    return text
