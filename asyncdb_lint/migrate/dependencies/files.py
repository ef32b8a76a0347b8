"""Which files of a project are read, and as what."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

Format = Literal["toml", "requirements", "conda", "conda text", "ini", "python", "lock", "settings", "text"]

NAMES: dict[str, Format] = {
    "pyproject.toml": "toml", "Pipfile": "toml", "hatch.toml": "toml", "tox.toml": "toml", "pixi.toml": "toml",
    "setup.cfg": "ini", "tox.ini": "ini", "mypy.ini": "ini", ".mypy.ini": "ini", "pytest.ini": "ini",
    "setup.py": "python", "noxfile.py": "python", "meta.yaml": "conda",
    "poetry.lock": "lock", "uv.lock": "lock", "pdm.lock": "lock", "Pipfile.lock": "lock", "pixi.lock": "lock",
    "conda-lock.yml": "lock", "pylock.toml": "lock", "requirements.lock": "lock", "requirements-dev.lock": "lock",
}  # fmt: skip
REQUIREMENTS = re.compile(
    r"(?:^|[-_.])(?:requirements?|constraints?|reqs?)(?:[-_.].*)?\.(?:txt|in|pip)$", re.IGNORECASE
)
FOLDERS = {"requirements", "requirement", "reqs", "constraints"}
ENVIRONMENT = re.compile(r"(?:^|[-_.])(?:environment|conda)(?:[-_.].*)?\.ya?ml$", re.IGNORECASE)
TEXT_NAMES = re.compile(
    r"Dockerfile|Containerfile|Makefile|GNUmakefile|[Jj]ustfile|Jenkinsfile|Vagrantfile|Procfile|.*\.(?:dockerfile|sh|bash|ya?ml)|devcontainer\.json$"
)
SETTINGS = re.compile(r".*\.(?:ini|cfg|toml)$|\.env(?:\..*)?$|.*\.env$")
LISTS: frozenset[Format] = frozenset({"toml", "requirements", "conda", "conda text", "ini", "python"})


def format_of(path: Path) -> Format | None:
    """What a file is read as, by its name."""
    name = path.name
    if (known := NAMES.get(name)) is not None:
        return known
    if REQUIREMENTS.search(name) or (path.parent.name in FOLDERS and path.suffix in (".txt", ".in")):
        return "conda text" if "conda" in name.lower() else "requirements"
    if ENVIRONMENT.search(name):
        return "conda"
    if SETTINGS.match(name):
        return "settings"
    return "text" if TEXT_NAMES.match(name) or name.startswith("Dockerfile") else None
