"""Writes what is generated from the rules: `docs/rules/*.md`, the table in `docs/rules/index.md` and in the README.

`--check` changes nothing and exits with 1 when something is out of date.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from asyncdb_lint.pages import markdown_table, page
from asyncdb_lint.rules import all_rules

ROOT = Path(__file__).parent.parent
MARKED = re.compile(r"(<!-- rules -->\n).*?(<!-- /rules -->)", re.DOTALL)


def wanted() -> dict[Path, str]:
    """Every generated file with its content."""
    folder = ROOT / "docs" / "rules"
    files = {folder / f"{rule.code}.md": page(rule) for rule in all_rules()}
    files[folder / "index.md"] = f"# Rules\n\n{markdown_table('.')}\n"
    readme = ROOT / "README.md"
    files[readme] = MARKED.sub(lambda m: f"{m[1]}{markdown_table('docs/rules')}\n{m[2]}", readme.read_text())
    return files


def main() -> int:
    """Write or compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    stale = []
    for file, content in wanted().items():
        if file.exists() and file.read_text() == content:
            continue
        stale.append(file)
        if not check:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
    for file in stale:
        print(f"{'stale' if check else 'written'}: {file.relative_to(ROOT)}")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
