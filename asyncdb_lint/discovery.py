"""Which files are checked: the Python files under the given paths, less what git or settings leave out."""

from __future__ import annotations

import fnmatch
import functools
import itertools
import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from asyncdb_lint.errors import UsageProblem
from asyncdb_lint.source import unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from asyncdb_lint.config import Settings
    from asyncdb_lint.finding import Finding


class Discovery(NamedTuple):
    """What was found: absolute files, in order and without doubles; a finding for each unreadable folder."""

    files: list[Path]
    problems: list[Finding]


def discover(paths: Sequence[Path], settings: Settings, base: Path | None = None) -> Discovery:
    """The files to check under `paths`; `excludes` are relative to `base`, the folder of the settings file.

    Files named in `paths` are taken whatever their name, unless `force_exclude` applies the excludes to them
    too. Links to folders are not followed (their files are found where they are, or are someone else's),
    links to files count once. Raises `UsageProblem` for a path that does not exist.
    """
    return walk(paths, settings, base, lambda name: name.endswith(".py"))


def walk(
    paths: Sequence[Path], settings: Settings, base: Path | None, wanted: Callable[[str], bool]
) -> Discovery:
    """As `discover`, for files of which the names are `wanted`."""
    origin = os.path.abspath(base or Path.cwd())
    excludes = _Excludes((*settings.exclude, *settings.extend_exclude), origin)
    found = _Walk(excludes, settings.respect_gitignore, wanted)
    for path in paths:
        absolute = os.path.abspath(path)
        is_folder = stat.S_ISDIR(_mode(path, absolute))
        if settings.force_exclude and excludes.holds_on_the_way(absolute, origin, is_folder):
            continue
        if is_folder:
            found.folder(absolute)
        else:
            found.named.append(absolute)
    return Discovery([Path(file) for file in found.distinct()], found.problems)


def project_files(root: Path, settings: Settings) -> list[Path]:
    """All files of a project, for the facts in them; unreadable folders hold none."""
    return discover([root], settings, root).files


@functools.cache
def _root_of(folder: str) -> str | None:
    if any(os.path.exists(os.path.join(folder, name)) for name in ("pyproject.toml", ".git")):
        return folder
    parent = os.path.dirname(folder)
    return None if parent == folder else _root_of(parent)


def project_root(path: Path) -> Path:
    """The nearest folder upwards with a `pyproject.toml` or `.git`; else the file's own folder."""
    absolute = os.path.abspath(path)
    folder = absolute if os.path.isdir(absolute) else os.path.dirname(absolute)
    return Path(_root_of(folder) or folder)


def _mode(path: Path, absolute: str) -> int:
    try:
        mode = os.stat(absolute).st_mode
    except FileNotFoundError:
        raise UsageProblem(f"{path} does not exist") from None
    except OSError as error:
        raise UsageProblem(f"{path} cannot be read: {error.strerror}") from error
    if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
        raise UsageProblem(f"{path} is neither a file nor a folder")
    return mode


class _Walk:
    """One pass over all given folders."""

    def __init__(self, excludes: _Excludes, respect_gitignore: bool, wanted: Callable[[str], bool]) -> None:
        self.excludes = excludes
        self.wanted = wanted
        self.respect_gitignore = respect_gitignore
        self.named: list[str] = []
        self.found: list[str] = []
        self.links: list[str] = []
        self.problems: list[Finding] = []
        self.seen: set[str] = set()

    def folder(self, folder: str) -> None:
        """Collect the files below `folder`, which is itself never left out: it was asked for."""
        layers = tuple(_layers_above(folder)) if self.respect_gitignore else ()
        pending = [(folder, os.path.realpath(folder), layers)]
        while pending:
            current, real, layers = pending.pop()
            if real in self.seen:
                continue
            self.seen.add(real)
            try:
                with os.scandir(current) as entries:
                    children = list(entries)
            except OSError as error:
                self.problems.append(unreadable(_posix(current), f"folder cannot be read: {error.strerror}"))
                continue
            if self.respect_gitignore and any(child.name == ".gitignore" for child in children):
                layers = (*layers, *_layer(current, os.path.join(current, ".gitignore")))
            for child in children:
                is_folder = child.is_dir(follow_symlinks=False)
                if not is_folder and not self.wanted(child.name):
                    continue
                if self.excludes.holds(child.path, child.name, is_folder):
                    continue
                if _ignored(layers, child.path, child.name, is_folder):
                    continue
                if is_folder:
                    pending.append((child.path, os.path.join(real, child.name), layers))
                elif child.is_symlink():
                    self.links.append(child.path)
                elif child.is_file():
                    self.found.append(child.path)

    def distinct(self) -> list[str]:
        """All files in order; of several names for one file, the real one, else the first."""
        if not self.named and not self.links:
            return sorted(set(self.found))
        real = {os.path.realpath(file): file for file in self.found}
        for file in sorted({*self.named, *self.links}, key=lambda file: (os.path.islink(file), file)):
            if os.path.isfile(file):
                real.setdefault(os.path.realpath(file), file)
        return sorted(real.values())


class _Excludes:
    """`exclude` and `extend-exclude`: names and their globs anywhere, paths and their globs from `base`."""

    def __init__(self, patterns: Iterable[str], base: str) -> None:
        self.names: set[str] = set()
        self.paths: set[str] = set()
        name_globs: list[str] = []
        path_globs: list[str] = []
        for pattern in (_posix(pattern).rstrip("/") for pattern in patterns):
            is_glob = any(character in pattern for character in "*?[")
            if "/" not in pattern and pattern != ".":
                (name_globs.append if is_glob else self.names.add)(pattern)
            elif is_glob:
                path_globs.append("/" + pattern.removeprefix(_posix(base)).removeprefix("./").lstrip("/"))
            else:
                self.paths.add(os.path.normpath(os.path.join(base, pattern)))
        self.name_glob = re.compile("|".join(map(fnmatch.translate, name_globs))) if name_globs else None
        self.path_globs = _Layer(base, path_globs) if path_globs else None

    def holds(self, path: str, name: str, is_folder: bool) -> bool:
        """Whether an entry is excluded, seen by itself and not by the folders above it."""
        if name in self.names or path in self.paths:
            return True
        if self.name_glob is not None and self.name_glob.match(name):
            return True
        return self.path_globs is not None and self.path_globs.verdict(path, name, is_folder) is True

    def holds_on_the_way(self, path: str, base: str, is_folder: bool) -> bool:
        """Whether `path` or a folder between it and `base` is excluded."""
        if self.holds(path, os.path.basename(path), is_folder):
            return True
        inside = path.startswith(base.rstrip(os.sep) + os.sep)
        folders = (str(folder) for folder in Path(path).parents) if inside else iter(())
        return any(
            self.holds(folder, os.path.basename(folder), True)
            for folder in folders
            if len(folder) > len(base.rstrip(os.sep))
        )


class _Pattern(NamedTuple):
    """One line of an ignore file: its place there, whether it ignores, what it matches.

    `inside` marks `folder/**`, which means what is in the folder, and for git not the folder itself.
    """

    place: int
    ignores: bool
    regex: re.Pattern[str]
    inside: bool


class _Layer:
    """One `.gitignore`: its patterns as git reads them, below the folder that it is in.

    pathspec translates the patterns; its own matching also answers for files in ignored folders, which this
    walk never enters, and asks each pattern again for each of the many files of the same name.
    """

    def __init__(self, folder: str, lines: Iterable[str]) -> None:
        import pathspec  # late: it costs as much as a small run, and many projects have no patterns

        self.folder = folder.rstrip(os.sep) + os.sep
        self.anchored: list[_Pattern] = []
        self.anywhere: list[_Pattern] = []
        self.by_name: dict[str, tuple[int, bool | None]] = {}
        for index, line in enumerate(lines):
            try:
                patterns = list(pathspec.GitIgnoreSpec.from_lines([line]).patterns)
            except ValueError:
                continue  # git, too, passes over what it cannot read
            for pattern in patterns:
                regex = getattr(pattern, "regex", None)
                if pattern.include is None or regex is None:
                    continue
                bare = line.strip().removeprefix("!").rstrip("/")
                kind = self.anchored if "/" in bare else self.anywhere
                kind.insert(
                    0, _Pattern(index, pattern.include, regex, line.rstrip().endswith("/**"))
                )  # the last pattern that matches decides
        groups = re.compile(r"\(\?P<\w+>")
        self.any_name = re.compile(
            "|".join(groups.sub("(?:", pattern.regex.pattern) for pattern in self.anywhere)
        )

    def verdict(self, path: str, name: str, is_folder: bool) -> bool | None:
        """True for ignored, False for taken back by a `!` pattern, None when no pattern matches."""
        if is_folder:
            name += "/"
        best = self.by_name.get(name)
        if best is None:
            best = -1, None
            if self.any_name.search(name):  # one search says no to nearly every name
                best = _last_match(self.anywhere, name, best)
            self.by_name[name] = best
        if self.anchored and path.startswith(self.folder):
            relative = _posix(path[len(self.folder) :]) + ("/" if is_folder else "")
            best = _last_match(self.anchored, relative, best)
        return best[1]


def _last_match(
    patterns: Sequence[_Pattern], path: str, best: tuple[int, bool | None]
) -> tuple[int, bool | None]:
    """The last pattern, if it comes after `best`, that means `path` itself and not only a folder above it."""
    for place, ignores, regex, inside in patterns:
        if place <= best[0]:
            break
        match = regex.search(path.rstrip("/") if inside else path)
        # The only group in pathspec's expressions marks the slash after the folder that the pattern means.
        if match is not None and (match.lastindex is None or match.end(match.lastindex) == len(path)):
            return place, ignores
    return best


def _ignored(layers: Sequence[_Layer], path: str, name: str, is_folder: bool) -> bool:
    for layer in reversed(layers):
        verdict = layer.verdict(path, name, is_folder)
        if verdict is not None:
            return verdict
    return False


def _patterns(file: str) -> tuple[str, ...]:
    """The lines of an ignore file that are patterns; none when it cannot be read."""
    try:
        with open(file, encoding="utf-8-sig", errors="surrogateescape") as lines:
            return tuple(
                line for line in lines.read().splitlines() if line.strip() and not line.startswith("#")
            )
    except OSError:
        return ()


def _layer(folder: str, file: str) -> Iterator[_Layer]:
    if patterns := _patterns(file):
        yield _Layer(folder, patterns)


def _layers_above(folder: str) -> list[_Layer]:
    """What the ignore files above `folder` say of its entries, from git's root (else the project's) down.

    A folder that they ignore was asked for all the same, so they say nothing of what it holds.
    """
    parents = [folder, *map(str, Path(folder).parents)]
    depth = next(
        (index for index, parent in enumerate(parents) if os.path.exists(os.path.join(parent, ".git"))), None
    )
    if depth is None:
        depth = parents.index(str(project_root(Path(folder))))
    chain = parents[: depth + 1][::-1]
    layers = list(_layer(chain[0], os.path.join(chain[0], ".git", "info", "exclude")))
    for above, below in itertools.pairwise(chain):
        layers += _layer(above, os.path.join(above, ".gitignore"))
        if _ignored(layers, below, os.path.basename(below), True):
            layers = []
    return layers


def _posix(path: str) -> str:
    return path.replace(os.sep, "/") if os.sep != "/" else path
