"""Settings: where they are looked for, who overrides whom, and what a mistake in them says."""

from __future__ import annotations

from pathlib import Path

import pytest

from asyncdb_lint.codes import enabled_codes, expand, find, names
from asyncdb_lint.config import DEFAULT_EXCLUDE, Loaded, SessionDecorator, Settings, load
from asyncdb_lint.errors import UsageProblem


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder as working directory, out of reach of any settings file above it."""
    folder = tmp_path / "project"
    folder.mkdir()
    (tmp_path / "asyncdb-lint.toml").write_text("")
    monkeypatch.chdir(folder)
    return folder


def table(folder: Path, text: str, name: str = "pyproject.toml") -> Path:
    """A settings file; in a `pyproject.toml`, `text` is our table."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(f"[tool.asyncdb-lint]\n{text}\n" if name == "pyproject.toml" else f"{text}\n")
    return file


def read(path: str | Path = ".", *configs: str, isolated: bool = False, **options: object) -> Loaded:
    overrides = {name.replace("_", "-"): value for name, value in options.items()}
    return load([Path(path)], overrides, configs=configs, isolated=isolated)


def problem(*configs: str, **options: object) -> str:
    with pytest.raises(UsageProblem) as caught:
        read(".", *configs, **options)
    return str(caught.value)


# Where


def test_without_a_file_the_defaults_hold(project: Path) -> None:
    assert Settings() == read(isolated=True).settings
    assert DEFAULT_EXCLUDE == read().settings.exclude
    assert project == read(isolated=True).base


def test_the_nearest_file_upwards_is_read(project: Path) -> None:
    file = table(project, 'ignore = ["ADB102"]')
    (project / "app" / "deep").mkdir(parents=True)
    (project / "app" / "deep" / "x.py").touch()

    for path in (".", "app", "app/deep", "app/deep/x.py", project / "app"):
        loaded = read(path)

        assert [("ADB102",), project] == [loaded.settings.ignore, loaded.base]
        assert file == loaded.file


def test_a_nearer_pyproject_without_the_table_is_passed_over(project: Path) -> None:
    outer = table(project, "fix = true")
    (project / "app").mkdir()
    for text in ("", '[project]\nname = "app"\n', '[project]\ndependencies = ["asyncdb-lint"]\n'):
        (project / "app" / "pyproject.toml").write_text(text)

        assert outer == read("app").file


def test_a_broken_pyproject_that_does_not_name_us_is_someone_elses(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.black\n")

    assert project.parent / "asyncdb-lint.toml" == read().file


def test_our_own_file_comes_before_pyproject(project: Path) -> None:
    table(project, 'ignore = ["ADB102"]')
    own = table(project, 'ignore = ["ADB201"]', "asyncdb-lint.toml")

    assert [own, ("ADB201",)] == [read().file, read().settings.ignore]


def test_an_empty_table_ends_the_search(project: Path) -> None:
    table(project, "fix = true")
    inner = table(project / "app", "")

    assert [inner, False] == [read("app").file, read("app").settings.fix]


def test_config_takes_a_file(project: Path) -> None:
    table(project, "fix = true")
    other = table(project / "settings", 'ignore = ["ADB1"]', "strict.toml")
    loaded = read(".", "settings/strict.toml")

    assert [("ADB1",), False] == [loaded.settings.ignore, loaded.settings.fix]
    assert [other.parent, Path("settings/strict.toml")] == [loaded.base, loaded.file]


def test_config_takes_settings_again_and_again(project: Path) -> None:
    table(project, 'pooler = "session"\nprocesses = 2')
    settings = read(
        ".", 'pooler="transaction"', "max-connections = 90", "processes=4", "processes=8"
    ).settings

    assert ["transaction", 90, 8] == [settings.pooler, settings.max_connections, settings.processes]


def test_config_takes_a_file_and_settings(project: Path) -> None:
    table(project, "processes = 2\nconcurrency = 3", "mine.toml")
    settings = read(".", "processes=4", "mine.toml").settings

    assert [4, 3] == [settings.processes, settings.concurrency]


def test_config_takes_quoted_keys() -> None:
    settings = read(".", 'per-file-ignores."tests/*"=["ADB102"]').settings

    assert {"tests/*": ("ADB102",)} == settings.per_file_ignores


def test_a_file_with_an_equals_sign_in_its_name_is_a_file(project: Path) -> None:
    table(project, "fix = true", "a=b.toml")

    assert read(".", "a=b.toml").settings.fix


def test_isolated_reads_no_file_but_takes_settings(project: Path) -> None:
    table(project, "fix = true")
    loaded = read(".", "processes=4", isolated=True)

    assert [None, False, 4] == [loaded.file, loaded.settings.fix, loaded.settings.processes]


def test_the_command_line_comes_last(project: Path) -> None:
    table(project, 'output-format = "json"\nignore = ["ADB1"]\nunsafe-fixes = true')
    settings = read(".", 'output-format="sarif"', output_format="github", ignore=("ADB2",), fix=None).settings

    assert ["github", ("ADB2",), True, False] == [
        settings.output_format,
        settings.ignore,
        settings.unsafe_fixes,
        settings.fix,
    ]


def test_every_setting_can_be_written(project: Path) -> None:
    table(
        project,
        """
select = ["ALL"]
extend-select = ["ADB7"]
ignore = ["sync-session-in-async"]
per-file-ignores = { "tests/*" = ["ADB1"], "x.py" = ["ALL"] }
exclude = ["a"]
extend-exclude = ["b"]
force-exclude = true
respect-gitignore = false
output-format = "gitlab"
fix = true
unsafe-fixes = true
pooler = "none"
max-connections = 100
processes = 4
concurrency = 8
sqlalchemy-version = "2.0.40"
cache-dir = "~/.cache/x"
blocking-calls = ["app.legacy.run_query", "app.legacy.Client.fetch"]
offloaders = ["app.util.in_thread", "app.util.submit:1"]
session-decorators = { "app.db.transactional" = { parameter = "session", mode = "async" } }

[tool.asyncdb-lint.session-factories]
"app.db.get_session" = "async"
"app.db.legacy_session" = "sync"
""",
    )

    assert Settings(
        select=("ALL",),
        extend_select=("ADB7",),
        ignore=("sync-session-in-async",),
        per_file_ignores={"tests/*": ("ADB1",), "x.py": ("ALL",)},
        exclude=("a",),
        extend_exclude=("b",),
        force_exclude=True,
        respect_gitignore=False,
        output_format="gitlab",
        fix=True,
        unsafe_fixes=True,
        pooler="none",
        max_connections=100,
        processes=4,
        concurrency=8,
        sqlalchemy_version="2.0.40",
        cache_dir="~/.cache/x",
        blocking_calls=("app.legacy.run_query", "app.legacy.Client.fetch"),
        offloaders=("app.util.in_thread", "app.util.submit:1"),
        session_factories={"app.db.get_session": "async", "app.db.legacy_session": "sync"},
        session_decorators={"app.db.transactional": SessionDecorator("session", "async")},
    ) == (read().settings)


# Mistakes


@pytest.mark.parametrize(
    ("text", "row", "column", "words"),
    [
        ('ingore = ["ADB102"]', 2, 1, ["unknown setting `ingore`", "did you mean `ignore`?"]),
        ("unsafe_fixes = true", 2, 1, ["unknown setting `unsafe_fixes`", "did you mean `unsafe-fixes`?"]),
        ("colour = 1", 2, 1, ["unknown setting `colour`"]),
        ("fix = true\n  fix-only = 1", 3, 3, ["unknown setting `fix-only`"]),
        ('fix = "yes"', 2, 1, ["`fix`", "bool", "str"]),
        ('ignore = "ADB102"', 2, 1, ["`ignore`", "array", "str"]),
        ("ignore = [102]", 2, 1, ["`ignore`", "str", "int"]),
        ("processes = 2.5", 2, 1, ["`processes`", "int", "float"]),
        ("processes = true", 2, 1, ["`processes`", "int", "bool"]),
        ("processes = 0", 2, 1, ["`processes`", "at least 1"]),
        ("max-connections = -5", 2, 1, ["`max-connections`", "at least 1"]),
        ("concurrency = 0", 2, 1, ["`concurrency`", "at least 1"]),
        ('select = ["ADB999"]', 2, 1, ["`select`", "unknown rule `ADB999`"]),
        ('extend-select = ["ADB1", "E501"]', 2, 1, ["`extend-select`", "unknown rule `E501`"]),
        (
            'ignore = ["sync-session-in-asink"]',
            2,
            1,
            ["unknown rule `sync-session-in-asink`", "did you mean `sync-session-in-async`?"],
        ),
        ('ignore = ["adb102"]', 2, 1, ["unknown rule `adb102`", "did you mean `ADB102`?"]),
        ('ignore = [""]', 2, 1, ["unknown rule ``"]),
        ('ignore = ["A"]', 2, 1, ["unknown rule `A`"]),
        (
            'per-file-ignores = {"tests/*" = ["ADB12x"]}',
            2,
            1,
            ["`per-file-ignores`", "unknown rule `ADB12x`"],
        ),
        ('per-file-ignores = ["ADB102"]', 2, 1, ["`per-file-ignores`", "object", "array"]),
        (
            '[tool.asyncdb-lint.per-file-ignores]\n"tests/*" = ["ADB999"]',
            2,
            20,
            ["`per-file-ignores`", "unknown rule `ADB999`"],
        ),
        (
            'pooler = "transactional"',
            2,
            1,
            ["`transactional` is none of", "`none`, `session`, `transaction`", "did you mean `transaction`?"],
        ),
        ("pooler = 1", 2, 1, ["`pooler`", "int"]),
        ('output-format = "jsn"', 2, 1, ["`jsn` is none of", "did you mean `json`?"]),
        ('sqlalchemy-version = "two"', 2, 1, ['`two` is not a version such as "2.0"']),
        ('sqlalchemy-version = "2"', 2, 1, ["`2` is not a version"]),
        ("sqlalchemy-version = 2.1", 2, 1, ["`sqlalchemy-version`", "str", "float"]),
        ('"ingore" = []', 2, 2, ["unknown setting `ingore`"]),
        ("session-factory = 1", 2, 1, ["unknown setting", "did you mean `session-factories`?"]),
        ('blocking-calls = "app.f"', 2, 1, ["`blocking-calls`", "array", "str"]),
        ("blocking-calls = [3]", 2, 1, ["`blocking-calls`", "str", "int"]),
        ('blocking-calls = [""]', 2, 1, ["`` is not a dotted name such as `app.db.get_session`"]),
        ('blocking-calls = ["app.f", "run"]', 2, 29, ["`run` is not a dotted name"]),
        ('blocking-calls = [\n  "app.f",\n  "app.db:g",\n]', 4, 4, ["did you mean `app.db.g`?"]),
        ("blocking-calls = ['app.db.g()']", 2, 20, ["did you mean `app.db.g`?"]),
        ('blocking-calls = ["app..g"]', 2, 20, ["`app..g` is not a dotted name"]),
        ('blocking-calls = ["app.class"]', 2, 20, ["`app.class` is not a dotted name"]),
        ('blocking-calls = { "app.f" = 1 }', 2, 1, ["`blocking-calls`", "array", "object"]),
        ('offloaders = ["app.f:-1"]', 2, 16, ["`offloaders`", "`-1` is not a position", "`app.f:0`"]),
        ('offloaders = ["app.f:1", "app.g:first"]', 2, 27, ["`first` is not a position"]),
        ('offloaders = ["app.f:"]', 2, 16, ["`` is not a position"]),
        ('offloaders = ["f:1"]', 2, 16, ["`f` is not a dotted name"]),
        ('session-factories = "async"', 2, 1, ["`session-factories`", "object", "str"]),
        ('session-factories = ["app.f"]', 2, 1, ["`session-factories`", "object", "array"]),
        ('session-factories = { "app.f" = "asink" }', 2, 24, ["not 'asink'", "did you mean `async`?"]),
        ('session-factories = { "app.f" = true }', 2, 24, ['`app.f` must be "sync" or "async", not True']),
        ('session-factories = { "" = "sync" }', 2, 1, ["`` is not a dotted name"]),
        ('session-factories = { "f" = "sync" }', 2, 24, ["`f` is not a dotted name"]),
        (
            '[tool.asyncdb-lint.session-factories]\n"app.f" = "sync"\n"app.g" = "a"',
            4,
            2,
            ["`session-factories`", "`app.g` must be"],
        ),
        (
            '[tool.asyncdb-lint.session-factories]\napp.db.get = "sync"',
            2,
            20,
            ["a name with dots needs quotes"],
        ),
        ('session-decorators = ["app.f"]', 2, 1, ["`session-decorators`", "object", "array"]),
        ('session-decorators = { "app.f" = "session" }', 2, 25, ["`app.f` must be a table such as {"]),
        ('session-decorators = { "app.f" = { mode = "sync" } }', 2, 25, ["does not say its `parameter`"]),
        ('session-decorators = { "app.f" = { parameter = "s" } }', 2, 25, ["does not say its `mode`"]),
        (
            'session-decorators = { "app.f" = { paramter = "s", mode = "sync" } }',
            2,
            25,
            ["unknown key `paramter`", "did you mean `parameter`?"],
        ),
        (
            'session-decorators = { "app.f" = { parameter = "s", mode = "sinc" } }',
            2,
            25,
            ["the `mode` of `app.f`", "did you mean `sync`?"],
        ),
        (
            'session-decorators = { "app.f" = { parameter = "", mode = "sync" } }',
            2,
            25,
            ["`app.f`: '' is not the name of a parameter"],
        ),
        (
            'session-decorators = { "app.f" = { parameter = 3, mode = "sync" } }',
            2,
            25,
            ["3 is not the name of a parameter"],
        ),
    ],
)
def test_a_mistake_has_its_place_and_the_nearest_right_word(
    project: Path, text: str, row: int, column: int, words: list[str]
) -> None:
    file = table(project, text)
    said = problem()

    assert said.startswith(f"{file}:{row}:{column}: "), said
    assert [] == [word for word in words if word not in said], said
    assert "\n" not in said


def test_the_place_is_in_our_table_and_not_in_a_neighbours(project: Path) -> None:
    file = project / "pyproject.toml"
    file.write_text(
        '[project]\nname = "app"\ndependencies = ["asyncdb-lint"]\n\n'
        '[tool.ruff]\nexclude = ["x"]\nfix = true\n\n'
        '[tool.asyncdb-lint]\nselect = ["ADB1"]\nexclude = "x"\n'
    )

    assert problem().startswith(f"{file}:11:1: `exclude`: ")


def test_dotted_and_inline_tables_have_places_too(project: Path) -> None:
    file = project / "pyproject.toml"
    file.write_text('[tool]\nasyncdb-lint.ingore = ["ADB102"]\n')
    assert problem().startswith(f"{file}:2:14: unknown setting `ingore`")

    file.write_text('[tool]\nasyncdb-lint = { fix = true, ingore = ["ADB102"] }\n')
    assert problem().startswith(f"{file}:2:30: unknown setting `ingore`")


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("asyncdb-lint = 3", ":2:1: ", "`tool.asyncdb-lint` must be a table"),
        ("[[tool.asyncdb-lint]]\nfix = true", ":2:8: ", "`tool.asyncdb-lint` must be a table"),
        ('asyncdb-lint = "strict"', ":2:1: ", "`tool.asyncdb-lint` must be a table"),
    ],
)
def test_a_table_that_is_none(project: Path, text: str, place: str, said: str) -> None:
    file = project / "pyproject.toml"
    file.write_text(f"[tool]\n{text}\n")

    assert f"{file}{place}{said}" == problem()


def test_broken_toml_has_line_and_column(project: Path) -> None:
    file = table(project, 'ignore = ["ADB102"\nfix = true')
    said = problem()

    assert said.startswith(f"{file}:3:"), said
    assert "at line" not in said
    assert "\n" not in said


def test_broken_toml_at_its_end(project: Path) -> None:
    file = table(project, 'ignore = ["ADB102"', "asyncdb-lint.toml")

    assert problem().startswith(f"{file}: ")
    assert "end of document" in problem()


def test_a_file_that_is_not_utf8(project: Path) -> None:
    file = project / "asyncdb-lint.toml"
    file.write_bytes(b'exclude = ["caf\xe9"]\n')

    assert f"{file}: is not UTF-8, as TOML must be" == problem()


def test_a_file_that_cannot_be_read(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = table(project, "fix = true")
    read_bytes = Path.read_bytes

    def guarded(path: Path) -> bytes:
        if path == file:  # a mode would not stop root
            raise PermissionError(13, "Permission denied")
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", guarded)

    assert f"{file}: cannot be read: Permission denied" == problem()


@pytest.mark.parametrize(
    ("configs", "words"),
    [
        (["gone.toml"], ["gone.toml: cannot be read: No such file"]),
        (["."], ["cannot be read: Is a directory"]),
        (["a.toml", "b.toml"], ["--config takes one file"]),
        (["pooler=transaction"], ["--config 'pooler=transaction'", "text values need quotes"]),
        (["poler='none'"], ["poler=", "unknown setting `poler`", "did you mean `pooler`?"]),
        (["processes='4'"], ["processes=", "`processes`", "int", "str"]),
        (["ignore=['ADB99']"], ["unknown rule `ADB99`"]),
        (["tool.asyncdb-lint.fix=true"], ["unknown setting `tool`"]),
    ],
)
def test_mistakes_in_config_options(configs: list[str], words: list[str]) -> None:
    said = problem(*configs)

    assert [] == [word for word in words if word not in said], said
    assert "\n" not in said


def test_isolated_and_a_file_exclude_each_other() -> None:
    with pytest.raises(UsageProblem, match="--isolated leaves settings files aside"):
        read(".", "x.toml", isolated=True)


def test_a_mistake_on_the_command_line_names_the_option() -> None:
    assert problem(select=("ADB102", "ADB110x")).startswith("--select: ")
    assert "--select: unknown rule `ADB110x` (did you mean `ADB110`?)" == problem(
        select=("ADB102", "ADB110x")
    )


# Patterns on the command line


@pytest.mark.parametrize(
    ("cwd", "pattern", "seen_from_base"),
    [
        (".", "old", "old"),
        (".", "*.py", "*.py"),
        (".", "app/old", "./app/old"),
        ("app", "old", "old"),
        ("app", "./old", "./app/old"),
        ("app", "old/x.py", "./app/old/x.py"),
        ("app", "old/*", "./app/old/*"),
        ("app", "../other/*", "./other/*"),
        ("app", "**/old/*", "**/old/*"),
        ("..", "project/old", "./old"),
        ("..", "project/old/", "./old"),
        ("..", "project/*/old", "./*/old"),
        ("..", "*/old", "*/old"),
    ],
)
def test_excludes_on_the_command_line_are_seen_from_the_working_directory(
    project: Path, monkeypatch: pytest.MonkeyPatch, cwd: str, pattern: str, seen_from_base: str
) -> None:
    table(project, 'exclude = ["app/kept"]\nextend-exclude = ["app/other"]')
    (project / "app").mkdir()
    monkeypatch.chdir(project / cwd)
    settings = read(project / "app", extend_exclude=(pattern,)).settings

    assert [("app/kept",), (seen_from_base,)] == [settings.exclude, settings.extend_exclude]


def test_an_exclude_outside_of_the_project_keeps_its_place(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table(project, "")
    monkeypatch.chdir(project.parent)

    assert ((project.parent / "a" / "b").as_posix(),) == read(project, exclude=("a/b",)).settings.exclude


def test_declared_names_on_the_command_line(project: Path) -> None:
    table(project, 'session-factories = { "app.a" = "sync" }\noffloaders = ["app.x"]')
    settings = read(".", 'session-factories."app.b"="async"', 'blocking-calls=["app.c"]').settings

    assert {"app.b": "async"} == settings.session_factories
    assert [("app.x",), ("app.c",)] == [settings.offloaders, settings.blocking_calls]
    assert '--config \'session-factories."app.b"="asnc"\': `session-factories`: ' in problem(
        'session-factories."app.b"="asnc"'
    )


# Selectors


def test_codes_names_prefixes_and_all() -> None:
    assert {"ADB102"} == expand("ADB102") == expand("sync-session-in-async")
    assert {code for code in names() if code.startswith("ADB5")} == expand("ADB5")
    assert set(names()) == expand("ALL") == expand("ADB")
    for nothing in ("", "A", "AD", "all", "ADB99", "session", "adb102", "ADB1021"):
        with pytest.raises(UsageProblem):
            expand(nothing)


def test_a_rule_is_found_by_code_or_name() -> None:
    by_code, by_name = find("ADB201"), find(names()["ADB201"])

    assert by_code is not None
    assert by_code is by_name
    assert find("ADB2") is None


def chosen(**settings: tuple[str, ...]) -> set[str]:
    return set(enabled_codes(Settings(**settings)))  # type: ignore[arg-type]


def test_selection() -> None:
    default = chosen()
    adb1 = set(expand("ADB1"))

    assert {"ADB102"} == chosen(select=("ADB102",))
    assert adb1 == chosen(select=("ADB1",))
    assert set(names()) == chosen(select=("ALL",)) >= default
    assert default - {"ADB102"} == chosen(ignore=("ADB102",))
    assert default - adb1 == chosen(ignore=("ADB1",))
    assert {"ADB102", "ADB201"} == chosen(select=("ADB102",), extend_select=("ADB201",))
    assert set() == chosen(ignore=("ALL",)) & adb1


def test_the_more_specific_selector_wins() -> None:
    adb1 = set(expand("ADB1"))

    assert {"ADB102"} == chosen(select=("ADB1",), ignore=("ADB1",), extend_select=("ADB102",))
    assert {"ADB102"} == chosen(select=("ADB102",), ignore=("ADB1",))
    assert adb1 == chosen(select=("ADB1",), ignore=("ALL",))
    assert adb1 - {"ADB102"} == chosen(select=("ADB1",), ignore=("sync-session-in-async",))
    assert set() == chosen(select=("ADB102",), ignore=("ADB102",))


def test_off_by_default_until_asked_for() -> None:
    from asyncdb_lint.rules import all_rules

    off = {rule.code for rule in all_rules() if not rule.default}

    assert set() == chosen() & off
    assert off <= chosen(select=("ALL",))
