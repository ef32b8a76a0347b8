"""Which files are found; git itself is the judge of ignore files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from asyncdb_lint.config import Settings
from asyncdb_lint.discovery import discover, project_files, project_root
from asyncdb_lint.errors import UsageProblem

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def tree(root: Path, *files: str, **contents: str) -> None:
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    for name, content in contents.items():
        (root / name).write_text(content)


def found(root: Path, *paths: str, settings: Settings | None = None) -> list[str]:
    result = discover([root / path for path in paths or (".",)], settings or Settings(), root)
    assert not result.problems
    return [Path(os.path.relpath(file, root)).as_posix() for file in result.files]


def git(root: Path, *arguments: str) -> list[str]:
    # Settings of the machine, such as a global ignore file, are not the project's.
    quiet = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["git", *arguments], cwd=root, env=quiet, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


# Files


def test_python_files_in_order_and_nothing_else(tmp_path: Path) -> None:
    tree(tmp_path, "b.py", "a/z.py", "a/stub.pyi", "a/note.txt", "a-b/x.py", "script", "d.py/in.py")

    assert sorted(found(tmp_path)) == ["a-b/x.py", "a/z.py", "b.py", "d.py/in.py"]
    assert found(tmp_path) == found(tmp_path)
    assert all(file.is_absolute() for file in discover([tmp_path], Settings(), tmp_path).files)


def test_a_file_named_twice_counts_once(tmp_path: Path) -> None:
    tree(tmp_path, "a/x.py", "a/y.py")

    assert found(tmp_path, "a/x.py", "a", "a/../a/x.py", ".") == ["a/x.py", "a/y.py"]


def test_named_files_are_taken_whatever_they_are_called(tmp_path: Path) -> None:
    tree(tmp_path, "script", "build/x.py", "x.pyi")
    (tmp_path / ".gitignore").write_text("script\n")

    assert found(tmp_path, "script", "build/x.py", "x.pyi") == ["build/x.py", "script", "x.pyi"]


def test_a_path_that_does_not_exist_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match=r"gone\.py does not exist"):
        discover([tmp_path / "gone.py"], Settings(), tmp_path)


def test_what_is_neither_file_nor_folder_is_wrong_use(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")

    with pytest.raises(UsageProblem, match="neither a file nor a folder"):
        discover([tmp_path / "pipe.py"], Settings(), tmp_path)
    assert found(tmp_path) == []


def test_an_unreadable_folder_is_one_finding_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree(tmp_path, "closed/x.py", "open/y.py")
    scandir = os.scandir

    def guarded(path: str) -> object:
        if os.path.basename(path) == "closed":  # a mode would not stop root, who runs the tests in containers
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    result = discover([tmp_path], Settings(), tmp_path)

    assert [tmp_path / "open" / "y.py"] == result.files
    assert [((tmp_path / "closed").as_posix(), "ADB002", "folder cannot be read: Permission denied")] == [
        (problem.filename, problem.code, problem.message) for problem in result.problems
    ]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    tree(tmp_path, "closed/x.py", "open/y.py")
    (tmp_path / "closed").chmod(0)
    result = discover([tmp_path], Settings(), tmp_path)
    (tmp_path / "closed").chmod(0o755)

    assert [len(result.files), len(result.problems)] == [1, 1]


# Links


def test_folder_links_are_not_followed_and_loops_end(tmp_path: Path) -> None:
    tree(tmp_path, "pkg/x.py")
    (tmp_path / "pkg" / "again").symlink_to(tmp_path)
    (tmp_path / "alias").symlink_to(tmp_path / "pkg")

    assert found(tmp_path) == ["pkg/x.py"]
    assert found(tmp_path, "alias") == ["alias/x.py"]
    assert len(found(tmp_path, "alias", "pkg")) == 1


def test_file_links_count_once_under_the_real_name(tmp_path: Path) -> None:
    tree(tmp_path, "pkg/x.py", "elsewhere/y.txt")
    (tmp_path / "a.py").symlink_to(tmp_path / "pkg" / "x.py")
    (tmp_path / "b.py").symlink_to(tmp_path / "elsewhere" / "y.txt")
    (tmp_path / "c.py").symlink_to(tmp_path / "elsewhere" / "y.txt")
    (tmp_path / "broken.py").symlink_to(tmp_path / "gone")

    assert found(tmp_path) == ["b.py", "pkg/x.py"]
    assert found(tmp_path, "a.py", "pkg/x.py") == ["pkg/x.py"]


def test_a_link_to_itself_is_wrong_use_when_named(tmp_path: Path) -> None:
    (tmp_path / "loop.py").symlink_to("loop.py")
    (tmp_path / "loop").symlink_to("loop")

    assert found(tmp_path) == []
    with pytest.raises(UsageProblem, match=r"loop\.py cannot be read: Too many levels of symbolic links"):
        discover([tmp_path / "loop.py"], Settings(), tmp_path)


# Excludes


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("gen", ["app/gen.py", "app/models.py", "tests/a/x.py", "tests/b/x.py"]),
        ("gen*", ["app/models.py", "tests/a/x.py", "tests/b/x.py"]),
        ("models.py", ["app/gen.py", "app/gen/y.py", "tests/a/x.py", "tests/b/x.py"]),
        ("tests/a", ["app/gen.py", "app/gen/y.py", "app/models.py", "tests/b/x.py"]),
        ("./tests/a/", ["app/gen.py", "app/gen/y.py", "app/models.py", "tests/b/x.py"]),
        ("tests/*/x.py", ["app/gen.py", "app/gen/y.py", "app/models.py"]),
        ("**/b/*.py", ["app/gen.py", "app/gen/y.py", "app/models.py", "tests/a/x.py"]),
        ("*/x.py", ["app/gen.py", "app/gen/y.py", "app/models.py", "tests/a/x.py", "tests/b/x.py"]),
        ("a/x.py", ["app/gen.py", "app/gen/y.py", "app/models.py", "tests/a/x.py", "tests/b/x.py"]),
        ("app/[mg]*.py", ["app/gen/y.py", "tests/a/x.py", "tests/b/x.py"]),
    ],
)
def test_excludes(tmp_path: Path, pattern: str, left: list[str]) -> None:
    tree(tmp_path, "app/gen/y.py", "app/gen.py", "app/models.py", "tests/a/x.py", "tests/b/x.py")

    assert left == sorted(found(tmp_path, settings=Settings(extend_exclude=(pattern,))))
    absolute = f"{tmp_path.as_posix()}/{pattern}"
    if "/" in pattern.strip("/"):
        assert left == sorted(found(tmp_path, settings=Settings(extend_exclude=(absolute,))))


def test_usual_folders_are_left_out_unless_named(tmp_path: Path) -> None:
    tree(tmp_path, "x.py", ".venv/lib/y.py", "node_modules/z.py", "a/__pypackages__/w.py")

    assert found(tmp_path) == ["x.py"]
    assert found(tmp_path, ".venv") == [".venv/lib/y.py"]
    assert len(found(tmp_path, settings=Settings(exclude=()))) == 4


def test_force_exclude_is_for_named_files_too(tmp_path: Path) -> None:
    tree(tmp_path, "build/lib/x.py", "y.py")
    forced = Settings(force_exclude=True)

    assert found(tmp_path, "build/lib/x.py", "build/lib", "y.py", settings=forced) == ["y.py"]
    assert found(tmp_path, "build/lib/x.py", "y.py") == ["build/lib/x.py", "y.py"]


def test_folders_above_the_settings_do_not_exclude(tmp_path: Path) -> None:
    base = tmp_path / "build" / "project"
    tree(base, "x.py")

    assert found(base, "x.py", settings=Settings(force_exclude=True)) == ["x.py"]


# Ignore files

NAMES = ["a", "b", "a.py", "b.py", "c.py"]
PATTERNS = [
    *("a", "b/", "/a", "/a/", "*.py", "!a.py", "!b.py", "!a/", "!*/", "*", "a/*", "!a/b", "a/**", "**/b"),
    *("a/**/b.py", "# a", "", "\\#x", "!c.py", "/*.py", "[ab].py", "?.py", "b/a.py", "!/b/", "**", "**/"),
    *("a/b/", "[", "  ", "c.py  "),
]


@needs_git
@hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    outer=st.lists(st.sampled_from(PATTERNS), max_size=5),
    inner=st.lists(st.sampled_from(PATTERNS), max_size=3),
    exclude=st.lists(st.sampled_from(PATTERNS), max_size=2),
    newline=st.sampled_from(["\n", "\r\n"]),
)
def test_git_says_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    outer: list[str],
    inner: list[str],
    exclude: list[str],
    newline: str,
) -> None:
    root = tmp_path_factory.mktemp("repository")
    git(root, "init", "-q")
    files = [
        f"{one}{two}{name}" for one in ("", "a/", "b/") for two in ("", "a/", "b/") for name in NAMES[2:]
    ]
    tree(root, *dict.fromkeys(files))
    for place, lines in ((".gitignore", outer), ("a/.gitignore", inner), (".git/info/exclude", exclude)):
        (root / place).write_bytes(newline.join(lines).encode())

    says_git = git(root, "ls-files", "--cached", "--others", "--exclude-standard", "*.py")
    assert sorted(says_git) == sorted(found(root))


def test_ignore_files_above_the_given_folder_count(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    tree(tmp_path, "pkg/sub/x.py", "pkg/sub/y.py", "out/x.py", "out/y.py")
    (tmp_path / ".gitignore").write_text("out/\n")
    (tmp_path / "pkg" / ".gitignore").write_text("/sub/x.py\n")

    assert found(tmp_path, "pkg/sub") == ["pkg/sub/y.py"]
    assert found(tmp_path, "out") == ["out/x.py", "out/y.py"]  # asked for by name
    assert len(found(tmp_path, settings=Settings(respect_gitignore=False))) == 4


def test_an_ignore_file_that_cannot_be_read_ignores_nothing(tmp_path: Path) -> None:
    tree(tmp_path, "x.py")
    (tmp_path / ".gitignore").mkdir()

    assert found(tmp_path) == ["x.py"]


def test_pathspec_is_only_imported_for_patterns(tmp_path: Path) -> None:
    tree(tmp_path, "x.py", "sub/y.py")
    (tmp_path / ".gitignore").write_text("# nothing\n\n")
    script = """if True:
        import pathlib, sys
        from asyncdb_lint.config import Settings
        from asyncdb_lint.discovery import project_files
        print(len(project_files(pathlib.Path(sys.argv[1]), Settings())), "pathspec" in sys.modules)
    """
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "2 False"


# Roots


def test_the_project_is_where_its_pyproject_or_repository_is(tmp_path: Path) -> None:
    tree(tmp_path, "mono/.git/HEAD", "mono/a/pyproject.toml", "mono/a/src/x.py", "mono/b/y.py")

    assert tmp_path / "mono" / "a" == project_root(tmp_path / "mono" / "a" / "src" / "x.py")
    assert tmp_path / "mono" == project_root(tmp_path / "mono" / "b")
    assert [tmp_path / "mono" / "a" / "src" / "x.py"] == project_files(tmp_path / "mono" / "a", Settings())
