"""Which versions of its libraries a project uses, read from its lock or dependency files, never from imports.

Files that are malformed or cannot be read say nothing. Nearer folders come before farther ones, lock
files before ranges of versions.
"""

from __future__ import annotations

import functools
import json
import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

NEWEST = "2.1"
KNOWN = {"2.1": "2.1.99", "2.0": "2.0.99", "1.4": "1.4.99"}  # each with a stand-in for its last release

_SETUP_STRING = re.compile(r"""(['"])([A-Za-z0-9][A-Za-z0-9._-]*\s*(?:\[[^\]'"]*\])?\s*[<>=!~][^'"]*)\1""")
_REQUIREMENT_FILE = re.compile(r"requirements.*\.(?:txt|in)\Z")


class Dependencies(NamedTuple):
    """What a project says of packages, by normalised name: exact versions, and ranges such as `>=2,<3`."""

    pins: dict[str, str]
    ranges: dict[str, str]


def sqlalchemy_version(root: Path) -> str:
    """The SQLAlchemy line ("1.4", "2.0", "2.1") of a project: pinned, else the newest admitted."""
    found = _upwards(root)
    pinned = found.pins.get("sqlalchemy")
    if pinned is not None:
        return _known_line(pinned)
    wanted = found.ranges.get("sqlalchemy")
    return _newest_admitted(wanted) if wanted else NEWEST


def sqlalchemy_lines(root: Path) -> tuple[str, ...]:
    """The SQLAlchemy lines that a project may run on, the newest first: all where nothing is said."""
    found = _upwards(root)
    pinned = found.pins.get("sqlalchemy")
    if pinned is not None:
        return (_known_line(pinned),)
    wanted = found.ranges.get("sqlalchemy")
    return _admitted(wanted) if wanted else tuple(KNOWN)


def package_version(root: Path, name: str) -> str | None:
    """The exact version of a package that the project at `root` pins, or None."""
    return _upwards(root).pins.get(_normal(name))


def pinned_versions(root: Path) -> dict[str, str]:
    """All packages that the project at `root` pins, by normalised name (`psycopg2-binary`)."""
    return dict(_upwards(root).pins)


def _upwards(folder: Path) -> Dependencies:
    """What the files of `folder` and of those above it say, up to the repository; the nearest counts."""
    pins: dict[str, str] = {}
    ranges: dict[str, str] = {}
    for current in (folder.absolute(), *folder.absolute().parents):
        found = _dependencies(current)
        for name, version in found.pins.items():
            # A workspace's lock is true of its members; the pin of an unrelated neighbour is not.
            if name not in pins and (name not in ranges or _admits(ranges[name], version)):
                pins[name] = version
        for name, wanted in found.ranges.items():
            ranges.setdefault(name, wanted)
        if (current / ".git").exists():
            break
    return Dependencies(pins, ranges)


@functools.lru_cache(maxsize=64)
def _dependencies(folder: Path) -> Dependencies:
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return Dependencies({}, {})
    pins: dict[str, str] = {}
    ranges: dict[str, str] = {}
    for name, read in _LOCKS.items():
        if name in names:
            for package, version in _safely(read, folder / name):
                pins.setdefault(_normal(package), version)
    readers = [(name, read) for name, read in _LISTS.items() if name in names]
    readers += [(name, _requirements) for name in names if _REQUIREMENT_FILE.match(name)]
    for name, read in readers:
        for package, wanted in _safely(read, folder / name):
            package, exact = _normal(package), re.fullmatch(r"===?\s*([\w.!+]+)", wanted.strip())
            if exact:
                pins.setdefault(package, exact[1])
            elif wanted.strip() and package not in ranges:
                ranges[package] = wanted
    return Dependencies(pins, ranges)


def _safely(read: Callable[[str], Iterable[tuple[str, str]]], path: Path) -> list[tuple[str, str]]:
    """What a reader makes of a file; nothing when the file is not what its name promises."""
    try:
        return [
            (name, version) for name, version in read(path.read_text("utf-8-sig")) if isinstance(version, str)
        ]
    except (OSError, ValueError, AttributeError, TypeError, KeyError, RecursionError):
        return []


# Lock files: each gives (package, version)


def _lock_toml(text: str) -> Iterator[tuple[str, str]]:
    """uv.lock, poetry.lock and pdm.lock share the `[[package]]` tables."""
    import tomllib

    for package in tomllib.loads(text).get("package", ()):
        if "version" in package:
            yield package["name"], package["version"]


def _pipfile_lock(text: str) -> Iterator[tuple[str, str]]:
    content = json.loads(text)
    for section in ("default", "develop"):
        for name, entry in content.get(section, {}).items():
            if "version" in entry:
                yield name, entry["version"].removeprefix("==")


# Dependency lists: each gives (package, specifier)


def _split(line: str) -> tuple[str, str] | None:
    """`SQLAlchemy[asyncio] >=2,<3 ; python_version > "3"` → name and specifier."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(line.strip())
    except InvalidRequirement:
        return None
    return requirement.name, str(requirement.specifier)


def _split_all(lines: Iterable[object]) -> Iterator[tuple[str, str]]:
    return (found for line in lines if isinstance(line, str) and (found := _split(line)))


def _pyproject(text: str) -> Iterator[tuple[str, str]]:
    import tomllib

    content = tomllib.loads(text)
    project: Mapping[str, Any] = content.get("project", {})
    yield from _split_all(project.get("dependencies", ()))
    poetry: Mapping[str, Any] = content.get("tool", {}).get("poetry", {})
    yield from _poetry(poetry.get("dependencies", {}))
    for extra in project.get("optional-dependencies", {}).values():
        yield from _split_all(extra)
    for group in content.get("dependency-groups", {}).values():
        yield from _split_all(group)
    for group in poetry.get("group", {}).values():
        yield from _poetry(group.get("dependencies", {}))


def _poetry(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, wanted in table.items():
        version = wanted.get("version", "") if isinstance(wanted, dict) else wanted
        if isinstance(version, str):
            yield name, ",".join(map(from_poetry, version.split(",")))


def from_poetry(part: str) -> str:
    """Poetry's `^2.0.1`, `~2.0`, `2.0.*` and `2.0.1` in the words of PEP 440."""
    part = part.strip()
    numbers = [int(number) for number in re.findall(r"\d+", part)]
    if part.startswith("^") and numbers:
        keep = next((index for index, number in enumerate(numbers) if number), len(numbers) - 1)
        return f">={part[1:]},<{'.'.join(map(str, [*numbers[:keep], numbers[keep] + 1]))}"
    if part.startswith("~") and not part.startswith("~=") and numbers:
        limit = f"{numbers[0]}.{numbers[1] + 1}" if numbers[1:] else f"{numbers[0] + 1}"
        return f">={part[1:]},<{limit}"
    if part in ("*", ""):
        return ""
    return f"=={part}" if part[0].isdigit() else part


def _pipfile(text: str) -> Iterator[tuple[str, str]]:
    import tomllib

    content = tomllib.loads(text)
    for section in ("packages", "dev-packages"):
        for name, wanted in content.get(section, {}).items():
            version = wanted.get("version", "") if isinstance(wanted, dict) else wanted
            yield name, "" if version == "*" else version


def _requirements(text: str) -> Iterator[tuple[str, str]]:
    """pip's format: options, comments and hashes aside, a requirement a line."""
    for line in text.replace("\\\n", " ").splitlines():
        line = re.split(r"(?:^|\s)#|\s--hash", line, maxsplit=1)[0].strip()
        if line and not line.startswith("-") and (found := _split(line)):
            yield found


def _setup_cfg(text: str) -> Iterator[tuple[str, str]]:
    import configparser

    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise ValueError(str(error)) from error
    lines = parser.get("options", "install_requires", fallback="").splitlines()
    if parser.has_section("options.extras_require"):
        lines += [line for _, value in parser.items("options.extras_require") for line in value.splitlines()]
    return _split_all(line for line in lines if line.strip())


def _setup_py(text: str) -> Iterator[tuple[str, str]]:
    """Strings that look like requirements with a version: the file itself is never run."""
    return _split_all(match[2] for match in _SETUP_STRING.finditer(text))


_LOCKS = {
    "uv.lock": _lock_toml,
    "poetry.lock": _lock_toml,
    "pdm.lock": _lock_toml,
    "Pipfile.lock": _pipfile_lock,
}
_LISTS = {"pyproject.toml": _pyproject, "Pipfile": _pipfile, "setup.cfg": _setup_cfg, "setup.py": _setup_py}


# SQLAlchemy's lines


def _known_line(version: str) -> str:
    """The known line that a version belongs to: its own, else the nearest below, else the oldest."""
    from packaging.version import InvalidVersion, Version

    try:
        found = Version(version)
    except InvalidVersion:
        return NEWEST
    lines = [line for line in KNOWN if Version(line).release <= found.release[:2]]
    return lines[0] if lines else min(KNOWN)


def _admits(wanted: str, version: str) -> bool:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion

    try:
        return SpecifierSet(wanted).contains(version, prereleases=True)
    except (InvalidSpecifier, InvalidVersion):
        return True


def _newest_admitted(wanted: str) -> str:
    """The newest known line of which the specifier admits some release."""
    return next(iter(_admitted(wanted)), NEWEST)


def _admitted(wanted: str) -> tuple[str, ...]:
    """The known lines of which a specifier admits some release, the newest first."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        specifiers = SpecifierSet(wanted)
    except InvalidSpecifier:
        return tuple(KNOWN)
    return tuple(
        line
        for line, last in KNOWN.items()
        if any(
            specifiers.contains(release, prereleases=True)
            for release in (last, *(f"{line}.{patch}" for patch in range(99)))
        )
    )


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
