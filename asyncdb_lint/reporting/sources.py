"""What reports show of files: their names, their lines, and fingerprints that stay when lines move."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from asyncdb_lint.finding import Finding
from asyncdb_lint.reporting.columns import visible

NEWLINE = re.compile(r"\r\n?|\n")  # what ends a row; `str.splitlines` would count form feeds and others too


def relative(filename: str) -> str:
    """A file name for programs: relative where it is below the working directory, `/` between parts."""
    path = Path(filename)
    if path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    return os.fsencode(path.as_posix()).decode("utf-8", "replace")


def shown(filename: str) -> str:
    """A file name for people, on one line whatever is in it."""
    return visible(relative(filename))


class Sources:
    """The lines of the files of one report, each read once; a file that cannot be read has none."""

    def __init__(self, contents: Mapping[str, bytes]) -> None:
        self.contents = contents
        self.read: dict[str, list[str]] = {}
        self.seen: Counter[str] = Counter()

    def lines(self, filename: str) -> list[str]:
        """All lines of a file, without their ends."""
        if filename not in self.read:
            from asyncdb_lint.source import SourceFile

            self.read[filename] = NEWLINE.split(
                SourceFile.read(Path(filename), self.contents.get(filename)).text
            )
        return self.read[filename]

    def line(self, filename: str, row: int) -> str:
        """One line; empty when the file is gone or shorter now."""
        lines = self.lines(filename)
        return lines[row - 1] if 0 < row <= len(lines) else ""

    def fingerprint(self, finding: Finding) -> str:
        """A hash of rule, file, the span's lines, and which of several alike it is, in the order asked for."""
        import hashlib

        span = self.lines(finding.filename)[finding.location.row - 1 : finding.end_location.row]
        key = "\0".join((finding.code, relative(finding.filename), *(line.strip() for line in span)))
        self.seen[key] += 1
        return hashlib.sha256(f"{key}\0{self.seen[key]}".encode("utf-8", "replace")).hexdigest()[:32]
