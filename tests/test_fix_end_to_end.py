"""`--fix` and `--diff` on whole projects: what they write, and everything that they leave alone."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from asyncdb_lint import engine
from asyncdb_lint.config import Settings
from asyncdb_lint.finding import Applicability, Finding, Outcome
from asyncdb_lint.repairing import fix

SHOP = Path(__file__).parents[1] / "examples" / "shop"
SAFE = Settings(select=("ALL",))
ALL = Settings(select=("ALL",), unsafe_fixes=True)

FORGETS = """\
from sqlalchemy.ext.asyncio import AsyncSession


async def save(session: AsyncSession, user: object) -> None:  # {name}
    session.add(user)
    session.commit()   ;x  =  '{name}'
"""
AWAITS = FORGETS.replace("    session.commit", "    await session.commit")


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = Path(shutil.copytree(SHOP, tmp_path / "shop"))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def repair(folder: Path, settings: Settings, *, write: bool = True) -> Outcome:
    outcome = fix([folder], settings, write=write, jobs=1)
    assert ([], []) == (outcome.crashes, outcome.problems)
    return outcome


def codes(findings: list[Finding]) -> Counter[str]:
    return Counter(finding.code for finding in findings)


def fixable(findings: list[Finding], *how: Applicability) -> Counter[str]:
    return codes([each for each in findings if each.fix is not None and each.fix.applicability in how])


# The shop


@pytest.mark.parametrize("settings", [SAFE, ALL], ids=["safe", "unsafe too"])
def test_the_shop_repaired(shop: Path, settings: Settings) -> None:
    before, found = contents(shop), engine.run([shop], settings, jobs=1).findings
    outcome = repair(shop, settings)
    after, left = contents(shop), engine.run([shop], settings, jobs=1).findings

    assert outcome.fixed > 0
    assert [] == [name for name in after if name.endswith(".py") and not ast.parse(after[name])]
    assert {} == dict(codes(left) - codes(found))
    assert outcome.findings == left
    assert list(before) == list(after)

    # Nothing that could be mended is left, and nothing is mended twice.
    how = (Applicability.SAFE, Applicability.UNSAFE) if settings is ALL else (Applicability.SAFE,)
    assert {} == dict(fixable(left, *how))
    assert 0 == repair(shop, settings).fixed
    assert after == contents(shop)


def test_safe_fixes_leave_the_unsafe_ones(shop: Path) -> None:
    unsafe = fixable(engine.run([shop], SAFE, jobs=1).findings, Applicability.UNSAFE)
    left = fixable(repair(shop, SAFE).findings, Applicability.UNSAFE)

    assert {} == dict(unsafe - left)


def test_only_lines_of_findings_change(shop: Path) -> None:
    before = contents(shop)
    changed = {
        Path(each.filename).relative_to(shop).as_posix()
        for each in engine.run([shop], ALL, jobs=1).findings
        if each.fix is not None
    }
    repair(shop, ALL)
    after = contents(shop)

    assert changed == {name for name in before if before[name] != after[name]}


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@pytest.mark.parametrize("settings", [SAFE, ALL], ids=["safe", "unsafe too"])
def test_the_diff_is_what_fix_does(shop: Path, tmp_path: Path, settings: Settings) -> None:
    before = contents(shop)
    patch = "".join(repair(shop, settings, write=False).diffs)
    assert before == contents(shop)

    twin = Path(shutil.copytree(shop, tmp_path / "twin"))
    apply_patch(twin, patch)
    repair(shop, settings)
    assert contents(shop) == contents(twin)


def apply_patch(folder: Path, patch: str) -> None:
    subprocess.run(
        ["git", "apply", "-p1", "-"],
        input=patch.encode("utf-8", "surrogateescape"),
        cwd=folder,
        check=True,
        env={**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent)},
    )


def test_repairs_do_not_depend_on_how_they_are_made(shop: Path, tmp_path: Path) -> None:
    twin = Path(shutil.copytree(shop, tmp_path / "twin"))
    files = sorted(twin.rglob("*.py"), reverse=True)
    repair(shop, ALL)
    fix(files, ALL, write=True, jobs=2)

    assert contents(shop) == contents(twin)


# Bytes

FORMS = {
    "plain": lambda text: text.encode(),
    "CRLF": lambda text: text.replace("\n", "\r\n").encode(),
    "mixed": lambda text: text.replace("\n", "\r\n", 2).encode(),
    "BOM": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "latin-1": lambda text: f"# coding: latin-1\n{text}".encode("latin-1"),
    "no newline at the end": lambda text: text.rstrip("\n").encode(),
    "tabs": lambda text: text.replace("    ", "\t").encode(),
    "trailing space": lambda text: text.replace(":  #", ":  # \x0c\t ").encode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_other_byte_stays(project: Path, form: str) -> None:
    encode = FORMS[form]
    awaits = AWAITS.replace("    await session", "\tawait session") if form == "tabs" else AWAITS
    for name in ("café", "Ünïcode"):
        (project / f"{len(name)}.py").write_bytes(encode(FORGETS.format(name=name)))
    repair(project, SAFE)

    for name in ("café", "Ünïcode"):
        assert encode(awaits.format(name=name)) == (project / f"{len(name)}.py").read_bytes()


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@pytest.mark.parametrize("form", FORMS)
def test_the_diff_of_every_form_applies(project: Path, form: str) -> None:
    (project / "users.py").write_bytes(FORMS[form](FORGETS.format(name="café")))
    patch = "".join(repair(project, SAFE, write=False).diffs)
    twin = Path(shutil.copytree(project, project / "twin"))
    repair(project, Settings(select=("ALL",), extend_exclude=("twin",)))
    apply_patch(twin, patch)

    assert (project / "users.py").read_bytes() == (twin / "users.py").read_bytes()


@pytest.mark.parametrize("mode", [0o644, 0o755, 0o600, 0o664])
def test_the_mode_stays(project: Path, mode: int) -> None:
    file = project / "users.py"
    file.write_text(FORGETS)
    file.chmod(mode)
    repair(project, SAFE)

    assert (AWAITS, mode) == (file.read_text(), file.stat().st_mode & 0o7777)


def test_files_without_findings_are_not_written(project: Path) -> None:
    (project / "users.py").write_text(FORGETS)
    (project / "clean.py").write_text(AWAITS)
    before = (project / "clean.py").stat()
    repair(project, SAFE)
    after = (project / "clean.py").stat()

    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


# Several findings in one place

NESTED = """\
from sqlalchemy.ext.asyncio import AsyncSession


async def names(session: AsyncSession, query: object) -> list[str]:
    session.add(session.get(object, 1).first)
    await session.add(query)
    return [row.name for row in session.execute(query).scalars().all()], session.scalars(query).all()
"""


def test_findings_that_overlap(project: Path) -> None:
    found = set()
    for _ in range(3):
        (project / "users.py").write_text(NESTED)
        outcome = repair(project, ALL)
        found.add((project / "users.py").read_text())

        assert ast.parse((project / "users.py").read_text())
        assert Counter() == fixable(outcome.findings, Applicability.SAFE, Applicability.UNSAFE)
    (text,) = found

    assert "(await session.execute(query)).scalars().all()" in text
    assert "(await session.scalars(query)).all()" in text
    assert "    session.add(query)" in text


def test_an_ignore_is_left_alone(project: Path) -> None:
    comment = "    # asyncdb: ignore[ADB201] on purpose\n"
    (project / "users.py").write_text(FORGETS.replace("    session.commit", f"{comment}    session.commit"))
    before = contents(project)
    outcome = repair(project, ALL)

    assert (0, 1) == (outcome.fixed, outcome.suppressed)
    assert before == contents(project)


def test_a_repair_in_one_file_that_shows_another_elsewhere(project: Path) -> None:
    """The factory becomes async only when its engine's mistake is mended; its user is judged by what it is then."""
    (project / "db.py").write_text(
        "from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine\n"
        "from sqlalchemy.orm import sessionmaker\n\n"
        'engine = create_async_engine("postgresql+asyncpg://localhost/app", pool_pre_ping=True)\n'
        "SessionLocal = sessionmaker(engine, expire_on_commit=False)\n"
    )
    (project / "route.py").write_text(
        "from db import SessionLocal\n\n\nasync def save(user: object) -> None:\n"
        "    async with SessionLocal() as session:\n        session.add(user)\n        session.commit()\n"
    )
    outcome = repair(project, ALL)

    assert (
        "SessionLocal = async_sessionmaker(engine, expire_on_commit=False)" in (project / "db.py").read_text()
    )
    assert "        await session.commit()\n" in (project / "route.py").read_text()
    assert [] == outcome.findings
