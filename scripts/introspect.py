"""Writes what the installed libraries are into `asyncdb_lint/knowledge/data`.

Run it with the Python of an environment that has the libraries, once for each SQLAlchemy minor version:

    python scripts/introspect.py            # every library installed here
    python scripts/introspect.py asyncpg    # only this one
    python scripts/introspect.py --check    # write nothing, exit 1 if the data differ
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from introspection.build import Builder, Missing, installed, version
from introspection.drivers import merged
from introspection.output import dump
from introspection.targets import SQLALCHEMY, TARGETS, file_name

DATA = Path(__file__).resolve().parent.parent / "asyncdb_lint" / "knowledge" / "data"


def main() -> int:
    """Introspect, then write or compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("libraries", nargs="*", metavar="LIBRARY")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    builder = Builder(TARGETS)
    fresh: dict[str, Any] = {}
    for target in TARGETS:
        if options.libraries and target.name not in options.libraries:
            continue
        if not installed(target):
            print(f"{target.name}: not installed", file=sys.stderr)
            continue
        try:
            library = builder.library(target)
        except Missing as missing:
            print(f"{target.name}: {missing}", file=sys.stderr)
            continue
        fresh[file_name(target, library["version"])] = library
    if installed(SQLALCHEMY) and (not options.libraries or "drivers" in options.libraries):
        path = DATA / "drivers.json"
        before = json.loads(path.read_text()) if path.exists() else {}
        fresh["drivers.json"] = merged(before, version(SQLALCHEMY))
    different = [name for name, data in fresh.items() if not _same(DATA / name, data)]
    for name in fresh:
        print(f"{name}: {'different' if name in different else 'unchanged'}", file=sys.stderr)
        if name in different and not options.check:
            (DATA / name).write_text(dump(fresh[name]) + "\n", encoding="utf-8")
    return 1 if options.check and different else 0


def _same(path: Path, data: Any) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == dump(data) + "\n"


if __name__ == "__main__":
    sys.exit(main())
