"""Edits from nodes, edits into text, and the proof of each fix; near misses first."""

from __future__ import annotations

import ast
import itertools
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import libcst as cst
import libcst.matchers as m
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdb_lint.finding import Applicability, Edit, Finding, Fix, Position, Severity, in_order
from asyncdb_lint.fixing import apply, edits_for, repair, unified_diff
from asyncdb_lint.source import Lines

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Node = cst.CSTNode


def finding(
    text: str, code: str, *edits: tuple[int, int, str], safe: bool = True, at: int | None = None
) -> Finding:
    lines = Lines(text)
    place = lines.position(edits[0][0] if at is None else at)
    made = tuple(Edit(lines.position(start), lines.position(end), content) for start, end, content in edits)
    kind = Applicability.SAFE if safe else Applicability.UNSAFE
    return Finding(
        filename="/x.py", location=place, end_location=place, code=code, name=code.lower(), message="m",
        severity=Severity.ERROR, noqa_row=place.row, fix=Fix(kind, "fix", made),
    )  # fmt: skip


def edited(
    text: str,
    replace: Callable[[cst.Module], list[tuple[Node, Node | None]]] = lambda module: [],
    add: tuple[tuple[str, str | None, str | None], ...] = (),
    remove: tuple[tuple[str, str], ...] = (),
) -> str:
    """`text` after a repair, which must parse and must leave nothing to do when asked for again."""
    module = cst.parse_module(text)
    edits = edits_for(module, replace(module), add, remove)
    fix = Fix(Applicability.SAFE, "fix", edits)
    result = apply(text, [msgspec.structs.replace(finding(text, "ADB101", (0, 0, "")), fix=fix)])
    assert not edits or not result.skipped
    assert cst.parse_module(result.text).code == result.text.removesuffix("\r")
    if edits and not replace(cst.parse_module(text)):
        assert edits_for(cst.parse_module(result.text), [], add, remove) == ()
    return result.text


def calls(
    name: str, new: Callable[[cst.Call], Node | None]
) -> Callable[[cst.Module], list[tuple[Node, Node | None]]]:
    def pairs(module: cst.Module) -> list[tuple[Node, Node | None]]:
        return [(node, new(node)) for node in m.findall(module, m.Call(m.Name(name)))]  # type: ignore[arg-type]

    return pairs


def awaited(call: cst.Call) -> cst.Await:
    if not call.lpar:
        return cst.Await(call)
    return cst.Await(call.with_changes(lpar=(), rpar=()), lpar=call.lpar, rpar=call.rpar)


# Nodes


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("async def f():\n    x = go(1)  # keep\n", "async def f():\n    x = await go(1)  # keep\n"),
        ("async def f():\r\n\tx = (go(1))\r\n", "async def f():\r\n\tx = (await go(1))\r\n"),
        ("async def f():\r    x = ( go(1) )\r", "async def f():\r    x = ( await go(1) )\r"),
        (
            "async def f():\n  if 1:\n    return [\n      é, go(\n        1,  # one\n      ),\n    ]",
            "async def f():\n  if 1:\n    return [\n      é, await go(\n        1,  # one\n      ),\n    ]",
        ),
        ("async def f():\n    a; b = go(1); c", "async def f():\n    a; b = await go(1); c"),
    ],
)
def test_a_replaced_node_changes_nothing_else(before: str, after: str) -> None:
    assert after == edited(before, calls("go", awaited))


def test_the_change_is_as_small_as_words_allow() -> None:
    module = cst.parse_module("x = Session(bind=engine)\n")
    call = m.findall(module, m.Call())[0]
    edits = edits_for(module, [(call, cst.parse_expression("AsyncSession(bind=engine)"))])

    assert (Edit(Position(1, 5), Position(1, 12), "AsyncSession"),) == edits


def test_a_compound_statement_is_replaced_inside_its_block() -> None:
    def to_async(module: cst.Module) -> list[tuple[Node, Node | None]]:
        return [
            (node, node.with_changes(asynchronous=cst.Asynchronous()))
            for node in m.findall(module, m.With())
            if isinstance(node, cst.With)
        ]

    before = "class A:\n    def f(self):\n        # why\n\n        with a() as b:  # c\n            b()\n"

    assert before.replace("with", "async with") == edited(before, to_async)


def test_new_blocks_take_the_indentation_and_newlines_of_the_file() -> None:
    def wrap(module: cst.Module) -> list[tuple[Node, Node | None]]:
        return [
            (
                node,
                cst.With(
                    [cst.WithItem(cst.Name("t"))], cst.IndentedBlock([node.with_changes(leading_lines=())])
                ),
            )
            for node in m.findall(module, m.SimpleStatementLine([m.Expr(m.Call(m.Name("go")))]))
            if isinstance(node, cst.SimpleStatementLine)
        ]

    assert (
        edited("if x:\r\n\tgo()\r\nelse:\r\n\tpass\r\n", wrap)
        == "if x:\r\n\twith t:\r\n\t\tgo()\r\nelse:\r\n\tpass\r\n"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def f():\n    # why\n    go()  # gone\n    x\n", "def f():\n    # why\n    x\n"),
        ("def f():\n    go()\n", "def f():\n    pass\n"),
        ("go(); x\n", "x\n"),
        ("x; go()\n", "x\n"),
        ("if x: go()\n", "if x: pass\n"),
        ("a\ngo()", "a\n"),
        ("a\ngo(\n  1,\n)\nb\n", "a\nb\n"),
    ],
)
def test_a_removed_statement_goes_with_its_line(before: str, after: str) -> None:
    def drop(module: cst.Module) -> list[tuple[Node, Node | None]]:
        return [(node, None) for node in m.findall(module, m.Expr(m.Call(m.Name("go"))))]

    assert after == edited(before, drop)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f(a, b=1, c=2)\n", "f(a, c=2)\n"),
        ("f(b=1, c=2)\n", "f(c=2)\n"),
        ("f(a, b=1)\n", "f(a)\n"),
        ("f(a, b=(1),)\n", "f(a,)\n"),
        ("f(b=1,)\n", "f()\n"),
        ("f(\n    a,  # one\n    b=1,  # two\n    c=2,\n)\n", "f(\n    a,  # one\n    c=2,\n)\n"),
    ],
)
def test_a_removed_argument_goes_with_its_comma(before: str, after: str) -> None:
    def drop(module: cst.Module) -> list[tuple[Node, Node | None]]:
        return [(node, None) for node in m.findall(module, m.Arg(keyword=m.Name("b")))]

    assert after == edited(before, drop)


def test_a_node_of_another_tree_is_refused() -> None:
    with pytest.raises(ValueError, match="not in the file"):
        edits_for(cst.parse_module("x\n"), [(cst.Name("x"), cst.Name("y"))])


# Imports

ADD = (("sqlalchemy.ext.asyncio", "AsyncSession", None),)
LINE = "from sqlalchemy.ext.asyncio import AsyncSession"


@pytest.mark.parametrize(
    "text",
    [
        f"{LINE}\n",
        "from sqlalchemy.ext.asyncio import create_async_engine, AsyncSession\n",
        f"try:\n    {LINE}\nexcept ImportError:\n    AsyncSession = None\n",
    ],
)
def test_what_is_imported_is_not_imported_again(text: str) -> None:
    assert text == edited(text, add=ADD)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", f"{LINE}\n"),
        ("x = 1\n", f"{LINE}\n\nx = 1\n"),
        ("x = 1", f"{LINE}\n\nx = 1"),
        ('"""Doc."""\n\nx = 1\n', f'"""Doc."""\n\n{LINE}\n\nx = 1\n'),
        ('"""Doc."""', f'"""Doc."""\n\n{LINE}'),
        (
            "#!/bin/python\n# licence\n\n# of x\nx = 1\n",
            f"#!/bin/python\n# licence\n\n{LINE}\n\n# of x\nx = 1\n",
        ),
        ("@a\ndef f(): ...\n", f"{LINE}\n\n@a\ndef f(): ...\n"),
        ("from __future__ import annotations\nx\n", f"from __future__ import annotations\n\n{LINE}\nx\n"),
        ("import os\r\n\r\nx\r\n", f"import os\r\n\r\n{LINE}\r\n\r\nx\r\n"),
        ("import fastapi\nimport zope\n", f"import fastapi\nimport zope\n{LINE}\n"),
        (
            "from fastapi import x\nfrom zope import y\n",
            f"from fastapi import x\n{LINE}\nfrom zope import y\n",
        ),
        ("# licence\nx = 1\n", f"# licence\n{LINE}\n\nx = 1\n"),
        ("\n\n# a\n@b\nclass C: ...\n", f"\n\n{LINE}\n\n# a\n@b\nclass C: ...\n"),
        ("from sqlalchemy.orm import A\n", f"{LINE}\nfrom sqlalchemy.orm import A\n"),
        (
            "import sqlalchemy as sa  # c\n\nfrom app import x\n",
            f"import sqlalchemy as sa  # c\n{LINE}\n\nfrom app import x\n",
        ),
        ("from . import x\n", f"{LINE}\n\nfrom . import x\n"),
        ("import sqlalchemy", f"import sqlalchemy\n{LINE}"),
        (f"def f():\n    {LINE}\n", f"{LINE}\n\ndef f():\n    {LINE}\n"),
        (f"if TYPE_CHECKING:\n    {LINE}\n", f"{LINE}\n\nif TYPE_CHECKING:\n    {LINE}\n"),
        ("from sqlalchemy.ext.asyncio import *\n", f"from sqlalchemy.ext.asyncio import *\n{LINE}\n"),
        (f"{LINE} as S\n", f"{LINE} as S, AsyncSession\n"),
        (
            "from sqlalchemy.ext.asyncio import b, a\n",
            "from sqlalchemy.ext.asyncio import b, a, AsyncSession\n",
        ),
        (
            "from sqlalchemy.ext.asyncio import AsyncEngine, create\n",
            "from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create\n",
        ),
        (
            "from sqlalchemy.ext.asyncio import (\n    AsyncEngine,\n    Z,  # why\n)\n",
            "from sqlalchemy.ext.asyncio import (\n    AsyncEngine,\n    AsyncSession,\n    Z,  # why\n)\n",
        ),
        (
            "from sqlalchemy.ext.asyncio import (\n\tAsyncEngine  # why\n)\n",
            "from sqlalchemy.ext.asyncio import (\n\tAsyncEngine,\n\tAsyncSession  # why\n)\n",
        ),
        (
            "from sqlalchemy.ext.asyncio import A, \\\n    B\n",
            "from sqlalchemy.ext.asyncio import A, \\\n    AsyncSession, B\n",
        ),
        (
            "import os; from sqlalchemy.ext.asyncio import A; x\n",
            "import os; from sqlalchemy.ext.asyncio import A, AsyncSession; x\n",
        ),
    ],
)
def test_an_import_is_added_where_a_person_would(before: str, after: str) -> None:
    assert after == edited(before, add=ADD)


@pytest.mark.parametrize(
    ("item", "before", "after"),
    [
        (("asyncio", None, None), "import os\nimport sys\n", "import asyncio\nimport os\nimport sys\n"),
        (("asyncio", None, None), "import asyncio.subprocess\n", "import asyncio.subprocess\n"),
        (("asyncio", None, None), "import asyncio as aio\n", "import asyncio as aio\nimport asyncio\n"),
        (("sqlalchemy", None, "sa"), "import sqlalchemy\n", "import sqlalchemy\nimport sqlalchemy as sa\n"),
        (("app.db", "get", "g"), "from app.db import x\n", "from app.db import get as g, x\n"),
        (("app.db", None, None), "from app import db\n", "import app.db\nfrom app import db\n"),
    ],
)
def test_modules_and_aliases(item: tuple[str, str | None, str | None], before: str, after: str) -> None:
    assert after == edited(before, add=(item,))


def test_several_imports_of_one_module_are_one_line() -> None:
    add = (("b", "y", None), ("b", "x", None), ("a", None, None))

    assert edited("", add=add) == "import a\nfrom b import x, y\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from o import S\nS()\n", "from o import S\nS()\n"),
        ("from o import S\nx: 'S'\n", "from o import S\nx: 'S'\n"),
        ("def f():\n    from o import S\n", "def f():\n    from o import S\n"),
        ("from other import S\n", "from other import S\n"),
        ("from o import S\nx\n", "x\n"),
        ("from o import S as T\nS\n", "S\n"),
        ("from o import A, S, B\n", "from o import A, B\n"),
        ("from o import A, S\n", "from o import A\n"),
        ("from o import (\n    A,\n    S,  # s\n)\n", "from o import (\n    A,  # s\n)\n"),
        ("from o import (\n    S,\n    A,\n)\n", "from o import (\n    A,\n)\n"),
        ("import x; from o import S\nx\n", "import x\nx\n"),
    ],
)
def test_an_import_goes_only_when_nothing_names_it(before: str, after: str) -> None:
    assert after == edited(before, remove=(("o", "S"),))


def test_a_module_import_goes_too() -> None:
    assert edited("import psycopg2\nx\n", remove=(("psycopg2", ""),)) == "x\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from o import S\nx = S()\n", "from o import A\nx = A()\n"),
        ("from o import S, T\nx = S()\n", "from o import T, A\nx = A()\n"),
        ("from o import B, S\nx = S()\n", "from o import B, A\nx = A()\n"),
        ("from o import S\nx = S()\ny = S\n", "from o import A, S\nx = A()\ny = S\n"),
    ],
)
def test_a_name_is_exchanged_for_another_of_the_same_module(before: str, after: str) -> None:
    swap = calls("S", lambda call: call.with_changes(func=cst.Name("A")))

    assert after == edited(before, swap, add=(("o", "A", None),), remove=(("o", "S"),))


# Applying


def test_of_overlapping_fixes_the_first_wins() -> None:
    text = "abcdef\n"
    first, second = finding(text, "ADB102", (0, 3, "X")), finding(text, "ADB101", (2, 4, "Y"))

    for order in ([first, second], [second, first]):
        assert ("Xdef\n", [first], [second]) == apply(text, order)


def test_at_the_same_place_the_smaller_code_wins() -> None:
    text = "abc\n"
    one, two = finding(text, "ADB101", (0, 1, "X")), finding(text, "ADB102", (0, 1, "Y"))

    assert ("Xbc\n", [one], [two]) == apply(text, [two, one])


def test_a_shared_edit_is_made_once() -> None:
    text = "a()\nb()\n"
    one = finding(text, "ADB101", (0, 0, "import x\n"), (2, 3, "1)"), at=0)
    two = finding(text, "ADB101", (0, 0, "import x\n"), (6, 7, "2)"), at=4)

    assert apply(text, [one, two]).text == "import x\na(1)\nb(2)\n"


def test_a_fix_is_applied_whole_or_not_at_all() -> None:
    text = "abcdefgh\n"
    one, two = finding(text, "ADB101", (4, 5, "X")), finding(text, "ADB102", (4, 6, "Y"), (7, 8, "Z"))

    assert apply(text, [one, two]).text == "abcdXfgh\n"


@pytest.mark.parametrize("edits", [((0, 3, "X"), (2, 4, "Y")), ((0, 0, "X"), (0, 0, "Y")), ((3, 1, "X"),)])
def test_a_fix_that_contradicts_itself_is_skipped(edits: tuple[tuple[int, int, str], ...]) -> None:
    one = finding("abcdef\n", "ADB101", *edits)

    assert ("abcdef\n", [], [one]) == apply("abcdef\n", [one])


def test_a_fix_outside_of_the_text_is_skipped() -> None:
    one = finding("abc\nabc\n", "ADB101", (5, 6, "X"))

    assert ("abc", [], [one]) == apply("abc", [one])


SPANS = st.lists(
    st.lists(
        st.tuples(st.integers(0, 30), st.integers(0, 4), st.sampled_from(["", "X", "Y\n"])),
        min_size=1,
        max_size=3,
    ),
    max_size=8,
)


@given(st.text(alphabet="ab \r\n", max_size=34), SPANS)
def test_untouched_bytes_stay_and_applied_fixes_are_apart(
    text: str, spans: list[list[tuple[int, int, str]]]
) -> None:
    limit = len(text)
    findings = [
        finding(text, f"ADB{100 + i}", *[(min(s, limit), min(s + n, limit), c) for s, n, c in one])
        for i, one in enumerate(spans)
    ]
    result = apply(text, findings)
    lines = Lines(text)
    changes = sorted(
        {
            (lines.offset(e.location), lines.offset(e.end_location), e.content)
            for f in result.applied
            if f.fix
            for e in f.fix.edits
        }
    )
    expected = text
    for start, end, content in reversed(changes):
        expected = expected[:start] + content + expected[end:]

    assert expected == result.text
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(changes))
    assert in_order(findings) == in_order(result.applied + result.skipped)
    assert result == apply(text, findings[::-1])


# Repairing


def checker(*rules: tuple[str, str, str]) -> Callable[[str], list[Finding]]:
    """Findings for each match of a pattern, with a template as its fix; a syntax error is ADB002."""

    def check(text: str) -> list[Finding]:
        try:
            ast.parse(text)
        except SyntaxError:
            return [finding(text, "ADB002", (0, 0, ""), at=0)]
        return [
            finding(text, code, (match.start(), match.end(), match.expand(template)), safe=code != "ADB109")
            for code, pattern, template in rules
            for match in re.finditer(pattern, text)
        ]

    return check


def test_a_clean_text_is_left_alone() -> None:
    assert repair("x\n", checker(("ADB101", "bad", "good"))) == ("x\n", [], [], [])


def test_fixes_that_collide_come_one_after_the_other() -> None:
    check = checker(("ADB101", r"bad\(\)", "bad(1)"), ("ADB102", r"f\(bad", "g(bad"))
    result = repair("f(bad())\n", check)

    assert (result.text, len(result.fixed), result.remaining, result.dropped) == ("g(bad(1))\n", 2, [], [])


@pytest.mark.parametrize(
    ("template", "why"), [("((", "does not parse"), ("bad", "does not clear"), ("worse", "adds another")]
)
def test_only_the_guilty_fix_is_dropped(template: str, why: str) -> None:
    check = checker(("ADB101", "bad", template), ("ADB102", "ugly", "fine"), ("ADB103", "worse", "worst"))
    result = repair("ugly\nbad\nugly\nugly\n", check)

    assert result.text == "fine\nbad\nfine\nfine\n", why
    assert [each.code for each in result.fixed] == ["ADB102"] * 3
    assert [(each.code, each.location.row) for each in result.dropped] == [("ADB101", 2)]
    assert [(each.code, each.fix) for each in result.remaining] == [("ADB101", None)]


def test_a_dropped_fix_does_not_take_its_likes_with_it() -> None:
    check = checker(
        ("ADB101", r"bad(?=\n|!)", "good"), ("ADB102", "worse", ""), ("ADB101", r"(?<=# )bad", "worse")
    )
    result = repair("bad\n# bad\nbad\n", check)

    assert result.text == "good\n# good\ngood\n" or result.text == "good\n# bad\ngood\n"


def test_unsafe_fixes_only_when_asked_for() -> None:
    check = checker(("ADB109", "bad", "good"))

    assert repair("bad\n", check).text == "bad\n"
    assert repair("bad\n", check, unsafe=True).text == "good\n"


def test_two_fixes_that_undo_each_other_end() -> None:
    calls = 0

    def check(text: str) -> list[Finding]:
        nonlocal calls
        calls += 1
        old, new, code = ("a", "b", "ADB101") if "a" in text else ("b", "a", "ADB101")
        return [finding(text, code, (text.index(old), text.index(old) + 1, new))]

    assert repair("a\n", check).text in ("a\n", "b\n")
    assert calls < 30


def test_known_findings_save_a_check() -> None:
    texts = []

    def check(text: str) -> list[Finding]:
        texts.append(text)
        return checker(("ADB101", "bad", "good"))(text)

    repair("bad\n", check, findings=checker(("ADB101", "bad", "good"))("bad\n"))
    assert "bad\n" not in texts


@given(st.lists(st.sampled_from(["bad", "ugly", "worse", "x", "broken"]), max_size=12))
def test_repairing_again_changes_nothing(words: list[str]) -> None:
    check = checker(
        ("ADB101", r"\bbad\b", "good"),
        ("ADB102", r"\bugly\b", "bad"),
        ("ADB103", r"\bworse\b", "ugly"),
        ("ADB104", "broken", "("),
    )
    once = repair("".join(word + "\n" for word in words), check)

    assert once.text == repair(once.text, check).text
    ast.parse(once.text)
    assert len(check(once.text)) == len(once.remaining)


# Diffs


def test_a_diff_is_git_s() -> None:
    assert (
        unified_diff("app/x.py", "a\nb", "a\nc\n")
        == "--- a/app/x.py\n+++ b/app/x.py\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+c\n"
    )
    assert unified_diff("x.py", "a", "a") == ""


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a\r\nb\r\n", "a\r\nc\r\n"),
        ("a\rb\r", "a\rc\r"),
        ("", "a"),
        ("a", ""),
        ("a\n\x0cb\u2028c\n", "a\n\x0cb\u2028d\n"),
    ],
)
def test_git_applies_it_to_the_byte(tmp_path: Path, before: str, after: str) -> None:
    (tmp_path / "x.py").write_bytes(before.encode())
    (tmp_path / "patch").write_bytes(unified_diff("x.py", before, after).encode())
    subprocess.run(["git", "apply", "--whitespace=nowarn", "patch"], cwd=tmp_path, check=True)

    assert after.encode() == (tmp_path / "x.py").read_bytes()
