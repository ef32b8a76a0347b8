"""SQL that psycopg 3 refuses or reads otherwise: the rules on text alone, the literals, and the command."""

from __future__ import annotations

import ast
import dataclasses
import itertools
from pathlib import Path

import libcst as cst
import pytest
from hypothesis import given
from hypothesis import strategies as st
from libcst.codemod import CodemodContext

from asyncdb_lint.config import Settings
from asyncdb_lint.migrate.changes import Changes
from asyncdb_lint.migrate.command import ITEMS, UNSAFE, alone
from asyncdb_lint.migrate.from_psycopg2 import ROUTE
from asyncdb_lint.migrate.from_psycopg2.placeholders import Style, parameters, statements, tokens
from asyncdb_lint.migrate.from_psycopg2.server_binding import findings
from asyncdb_lint.migrate.from_psycopg2.statements import Statements
from asyncdb_lint.migrate.literals import HOLE, read
from asyncdb_lint.migrate.project import migrate

# Text alone


def mended(sql: str, style: Style = "percent") -> str:
    """The text with all edits made."""
    edits = {edit for finding in findings(sql, style) for edit in finding.edits}
    for edit in sorted(edits, reverse=True):
        sql = sql[: edit.start] + edit.new + sql[edit.end :]
    return sql


def test_tokens() -> None:
    sql = """select E'\\'%s', $$ %s $$, $a$ ; $a$ from "T%s" where x in %s -- %s ;\n and y = %(n)s::int and '%%s'"""
    (statement,) = statements(sql, "percent")
    assert [(each.text, each.name) for each in statement.placeholders] == [("%s", ""), ("%(n)s", "n")]
    assert len(statement.quoted) == 3
    assert [each.name for each in parameters(sql, "percent")] == ["", "", "", "", "", "n"]


def test_tokens_of_sqlalchemy() -> None:
    (statement,) = statements(r"select a::int, :x, b\:c, '12:30' where y = :y", "colon")
    assert [each.name for each in statement.placeholders] == ["x", "y"]


@given(
    st.text(alphabet="ab'\"$%s()[];:-/*\\ \n.,in", max_size=60),
    st.sampled_from(["percent", "colon", "plain"]),
)
def test_any_text(sql: str, style: Style) -> None:
    """Tokens come in order and do not overlap; nothing makes the rules fail."""
    found = list(tokens(sql, style))
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))
    assert all(sql[each.start : each.end] == each.text for each in found)
    mended(sql, style)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x IN %s and y not in %(b)s", "x = ANY(%s) and y <> all(%(b)s)"),
        ("select f(a, b) in %s", "select f(a, b) = any(%s)"),
        (f"select {HOLE}.id IN %s", f"select {HOLE}.id = ANY(%s)"),
        ("a is %s or b IS NOT %s", "a is not distinct from %s or b IS DISTINCT FROM %s"),
        ("select interval %s + t.date", "select %s::interval + t.date"),
        ("select TIMESTAMP WITH TIME ZONE %s", "select %s::TIMESTAMP WITH TIME ZONE"),
        ("select timestamp(0) %(a)s", "select %(a)s::timestamp(0)"),
        ("now() - interval '%s days'", "now() - (%s * interval '1 day')"),
        ("now() - '%(n)s hours'::INTERVAL", "now() - (%(n)s * INTERVAL '1 hour')"),
        ("now() + interval '-%s min'", "now() + (-%s * interval '1 minute')"),
        ("extract(%s from x)", "date_part(%s, x)"),
        ("SET LOCAL statement_timeout = %s", "SELECT set_config('statement_timeout', %s::text, true)"),
        ("set session a.b to %s", "select set_config('a.b', %s::text, false)"),
        ("set search_path to %s", "select set_config('search_path', quote_ident(%s::text), false)"),
        ("set time zone %s", "select set_config('TimeZone', %s::text, false)"),
        ("set role %s;", "select set_config('role', %s::text, false);"),
        ("set session authorization %s", "select set_config('session_authorization', %s::text, false)"),
        ("NOTIFY Jobs, %s", "SELECT pg_notify('jobs', %s)"),
        ('notify "Jobs", %s', "select pg_notify('Jobs', %s)"),
        ("where %s is null or a = %s", "where %s::text is null or a = %s"),
        ("where %(a)s is null or a = %(a)s::int", "where %(a)s::int is null or a = %(a)s::int"),
        ("select concat(%s, 'a', %s::text)", "select concat(%s::text, 'a', %s::text)"),
        ("select format(%s, %s)", "select format(%s, %s::text)"),
        ("select unnest(%s)", "select unnest(%s::text[])"),
        ("generate_series(%s, %s)", "generate_series(%s::int, %s::int)"),
        (
            "create temp table a as select 1 where x in %s",
            "create temp table a as select 1 where x = any(%s)",
        ),
    ],
)
def test_edits(before: str, after: str) -> None:
    assert mended(before) == after
    assert mended(after) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("set local x = :v", "select set_config('x', CAST(:v AS text), true)"),
        ("select date :d, a::int", "select CAST(:d AS date), a::int"),
        ("now() - interval ':n days'", "now() - (:n * interval '1 day')"),
    ],
)
def test_edits_of_sqlalchemy(before: str, after: str) -> None:
    assert mended(before, "colon") == after


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("select (a, b) in %s", "row-membership"),
        ("select row(a, b) in %s", "row-membership"),
        ("select a = b in %s", "membership"),
        ("select interval %s day", "typed-literal"),
        ("select '%s'", "quoted"),
        ("a like '%%%s%%'", "quoted"),
        ('select "a%s"', "quoted"),
        ("select interval '%s' day", "quoted"),
        ("select a order by %s desc", "order"),
        ("row_number() over (order by %s)", "order"),
        ("select date_trunc(%s, t) from a group by date_trunc(%s, t)", "group"),
        ("prepare a as select %s", "prepare"),
        ("%(a)s is null or x = %(a)s", "null"),
        ("select round(%s, 2)", "round"),
        ("select %s * %s", "overflow"),
        ("select a && %s", "array"),
        ("insert into t (a, b) values (%(x)s, %(x)s)", "shared"),
        ("update t set a = %(x)s where b = %(x)s", "shared"),
    ],
)
def test_left_to_people(sql: str, rule: str) -> None:
    assert [each.rule for each in findings(sql, "percent")] == [rule]
    assert mended(sql) == sql


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("create role a password %s", "utility"),
        ("create view a as select %s", "utility"),
        ("create table a as execute b(%s)", "utility"),
        ("do $$ begin perform %s; end $$", "utility"),
        ("comment on table a is %s", "utility"),
        ("set search_path to %s, public", "set"),
        (f"set {HOLE} = %s", "set"),
        (f"notify {HOLE}, %s", "notify"),
        ("select %s; select 1", "several"),
    ],
)
def test_bound_in_the_client(sql: str, rule: str) -> None:
    assert [(each.rule, each.client) for each in findings(sql, "percent")] == [(rule, True)]


@pytest.mark.parametrize(
    "sql",
    [
        "select position('a' in %s), x in (%s), x in (%s, %s)",
        "select x = any(%s), now() at time zone %s",
        "insert into t (date, time) values (%s, %s) on conflict (date) do update set date = %s",
        "update t set interval = %s where date = %s and x is null",
        "select %s is true, x = %s is null",
        "select a = %(a)s or %(a)s is null",
        "select %(a)s::int is null or a = %(a)s",
        "select to_char(x, 'YYYY'), '100%%' from t limit %s offset %s",
        "insert into t (a, b) values (%(x)s, %(y)s) on conflict (a) do update set a = %(x)s, b = %(y)s",
        "insert into t (a, b) values (%(x)s, lower(%(x)s))",
        "select generate_series(1, %s), round(%s::numeric, 2), concat(a, lower(%s))",
        "select date_trunc(%(a)s, t) from a group by date_trunc(%(a)s, t)",
        "select a order by b + %s, case when c = %s then 1 end",
        "select 1; select 2;",
        "explain select %s",
        "declare c cursor for select %s",
        "call f(%s)",
        "select %s;",
        "-- what '%s' is in %s\nselect 1",
    ],
)
def test_nothing_wrong(sql: str) -> None:
    assert not findings(sql, "percent")


# Literals


def rewritten(source: str) -> str | None:
    """A file whose first call's argument is edited: `in %s` becomes `= any(%s)`."""
    file = alone(cst.parse_module(source))
    (call, *_) = [
        each for each in file.model.nodes[cst.Call] if file.source(each, 200).startswith("execute(")
    ]
    assert isinstance(call, cst.Call)
    literal = read(file, call.args[0].value)
    assert literal is not None
    changed = literal.edited(
        [each for finding in findings(literal.text, "percent") for each in finding.edits]
    )
    if changed is None:
        return None
    changes = Changes()
    for node, how in changed:
        changes.note(node, how)
    return changes.apply(file.model.module).code


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (r"execute('''\'s\' in %s''')", r"execute('''\'s\' = any(%s)''')"),
        ("execute(r'\\d in %s')", "execute(r'\\d = any(%s)')"),
        ("execute('notify c, %s')", "execute(\"select pg_notify('c', %s)\")"),
        ("execute(f'notify c, %s')", "execute(f\"select pg_notify('c', %s)\")"),
        ("execute('\"a\" || interval %s')", "execute('\"a\" || %s::interval')"),
        (
            "execute('\\'a\\' || interval \\'%s days\\'')",
            "execute('\\'a\\' || (%s * interval \\'1 day\\')')",
        ),
        ("execute(f'{a[\"b\"]} {{}} in %s')", "execute(f'{a[\"b\"]} {{}} = any(%s)')"),
        (
            "execute('select ' 'x in' # why\n ' %s')",
            "execute('select ' 'x = any(' # why\n '%s)')",
        ),
        ("execute('a' + b + 'in %s')", "execute('a' + b + '= any(%s)')"),
        ("execute('from %s where x in %%s' % t)", "execute('from %s where x = any(%%s)' % t)"),
        ("execute('from {} where x in %s'.format(t))", "execute('from {} where x = any(%s)'.format(t))"),
        (
            "import textwrap\nexecute(textwrap.dedent('''\n  x\n  in %s'''))",
            "import textwrap\nexecute(textwrap.dedent('''\n  x\n  = any(%s)'''))",
        ),
        (
            "from psycopg2 import sql\nexecute(sql.SQL('{} in %s').format(a))",
            "from psycopg2 import sql\nexecute(sql.SQL('{} = any(%s)').format(a))",
        ),
        ("Q = 'x in %s'\ndef f():\n    execute(Q)", "Q = 'x = any(%s)'\ndef f():\n    execute(Q)"),
        (
            "q = 'select 1 '\nq += 'where x in %s'\nexecute(q)",
            "q = 'select 1 '\nq += 'where x = any(%s)'\nexecute(q)",
        ),
    ],
)
def test_literals(before: str, after: str) -> None:
    assert rewritten(before) == after


def test_holes_are_not_edited() -> None:
    assert rewritten("execute(f'x {a} %s is {b}null and interval {c}%s')") is not None
    assert rewritten("execute(f'x in {a}%s')") == "execute(f'x in {a}%s')"


@given(
    st.text(max_size=20).filter(lambda text: HOLE not in text), st.sampled_from(["", "f", "r"]), st.booleans()
)
def test_literals_say_what_python_says(text: str, prefix: str, triple: bool) -> None:
    """The text that is read is the string that Python makes of it."""
    quote = '"' * 3 if triple else '"'
    code = f"{prefix}{quote}{text}{quote}"
    try:
        node = cst.parse_expression(code)
        value = ast.literal_eval(code) if prefix != "f" else ast.literal_eval(code.replace("f", "", 1))
    except (SyntaxError, ValueError, cst.ParserSyntaxError):
        return
    if "\r" in code or (prefix == "f" and ("{" in text or "}" in text)):
        return
    found = read(alone(cst.parse_module(code)), node)
    assert (found.text if found is not None else "") == value


SNIPPETS = [
    " x in %s ", " not in %s", " is %s", "interval %s", "interval '%s days' ", " notify a, %s", "set x = %s", "'", '"',
    "\\", "\n", "é", "\t", "{}", "%%", "select ", "a", "--", ";", "(",
]  # fmt: skip


def forms(text: str, cut: int) -> list[str]:
    """Some ways to write a text."""
    slashes = text.replace("\\", "\\\\")
    codes = "".join(f"\\x{ord(each):02x}" if each in '"\n\t' else each for each in slashes)
    return [
        repr(text),
        f'"{codes}"',
        f"({text[:cut]!r}  # one\n {text[cut:]!r})",
        f"({text[:cut]!r} + {text[cut:]!r})",
        "'''" + slashes.replace("'", "\\'") + "'''",
        "f" + repr(text).replace("{}", "{{}}"),
        repr(text.replace("%", "%%")) + " % ()",
        repr(text.replace("{}", "{{}}")) + ".format()",
    ]


@given(st.lists(st.sampled_from(SNIPPETS), min_size=1, max_size=8).map("".join), st.integers(0, 20))
def test_edits_of_source_are_edits_of_the_text(text: str, cut: int) -> None:
    """Whatever way a text is written: Python reads the edited source as the edited text."""
    for code in forms(text, cut):
        assert eval(code) == text
        edited = rewritten(f"execute({code})")
        assert edited is not None
        assert eval(edited.removeprefix("execute")) == mended(text)


# The command

CURSOR = "import psycopg2\ncur = psycopg2.connect().cursor()\n"


def run(statement: str, *, unsafe: bool = False) -> tuple[str, list[str]]:
    """The statement afterwards, and what was said: `1` for row 1 by outcome."""
    context = CodemodContext(scratch={UNSAFE: unsafe})
    code = Statements(context).transform_module(cst.parse_module(f"{CURSOR}{statement}\n")).code
    again = Statements(CodemodContext(scratch={UNSAFE: unsafe})).transform_module(cst.parse_module(code)).code
    assert again == code
    return code.partition(".cursor()\n")[2].removesuffix("\n"), [
        each.outcome for each in context.scratch[ITEMS]
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("cur.execute('x in %s', (tuple(a),))", "cur.execute('x = any(%s)', (list(a),))"),
        ("cur.execute('x in %s', ((1, 2),))", "cur.execute('x = any(%s)', ([1, 2],))"),
        ("cur.execute('x in %s', [(1,)])", "cur.execute('x = any(%s)', [[1]])"),
        (
            "cur.execute('y = %s and x in %(a)s and 1', {'a': tuple(a)})",
            "cur.execute('y = %s and x = any(%(a)s) and 1', {'a': list(a)})",
        ),
        ("cur.execute('x in %(a)s', dict(a=tuple(a)))", "cur.execute('x = any(%(a)s)', dict(a=list(a)))"),
        (
            "p = (tuple(a), 1)\ncur.execute('x in %s and y = %s', p)",
            "p = (list(a), 1)\ncur.execute('x = any(%s) and y = %s', p)",
        ),
        (
            "t = tuple(a)\ncur.execute('x in %s and y in %s', (t, t))",
            "t = tuple(a)\ncur.execute('x = any(%s) and y = any(%s)', (list(t), list(t)))",
        ),
        (
            "def f(a: tuple[int, ...]):\n    cur.execute('x in %s', (a,))",
            "def f(a: tuple[int, ...]):\n    cur.execute('x = any(%s)', (list(a),))",
        ),
        (
            "p = {'b': 1}\np['a'] = tuple(a)\ncur.execute('x in %(a)s and y = %(b)s', p)",
            "p = {'b': 1}\np['a'] = list(a)\ncur.execute('x = any(%(a)s) and y = %(b)s', p)",
        ),
        (
            "part = ''\nif a:\n    part = 'and x in %(a)s'\ncur.execute('y ' + part, {'a': tuple(a)})",
            "part = ''\nif a:\n    part = 'and x = any(%(a)s)'\ncur.execute('y ' + part, {'a': list(a)})",
        ),
        (
            "cur.executemany('delete from t where x in %s', [(tuple(i),) for i in a])",
            "cur.executemany('delete from t where x = any(%s)', [(list(i),) for i in a])",
        ),
        (
            "Q = 'x in %s'\ncur.execute(Q, (tuple(a),))\ncur.execute(Q, (tuple(b),))",
            "Q = 'x = any(%s)'\ncur.execute(Q, (list(a),))\ncur.execute(Q, (list(b),))",
        ),
        (
            "if a:\n    q = 'x is %s'\nelse:\n    q = 'y is %s'\ncur.execute(q, (a,))",
            "if a:\n    q = 'x is not distinct from %s'\nelse:\n    q = 'y is not distinct from %s'\n"
            "cur.execute(q, (a,))",
        ),
        (
            "q = 'select 1 where true'\nif a:\n    q += ' and x in %(a)s'\ncur.execute(q, {'a': tuple(a)})",
            "q = 'select 1 where true'\nif a:\n    q += ' and x = any(%(a)s)'\ncur.execute(q, {'a': list(a)})",
        ),
        (
            "cur.mogrify('x in %s and y is %s', (tuple(a), b))",
            "cur.mogrify('x = any(%s) and y is %s', (list(a), b))",
        ),
        ("cur.execute('select interval %s', [a])", "cur.execute('select %s::interval', [a])"),
        (
            "cur.execute(\"select interval '%s days'\", (n,))",
            "cur.execute(\"select (%s * interval '1 day')\", (n,))",
        ),
        ("cur.execute('notify a, %s', (n,))", "cur.execute(\"select pg_notify('a', %s)\", (n,))"),
        ("cur.execute('select %s', 'x')", "cur.execute('select %s', ('x',))"),
        ("cur.execute('select %s', (f'{x}'))", "cur.execute('select %s', (f'{x}',))"),
        ("cur.execute('select %s', str(x))", "cur.execute('select %s', (str(x),))"),
        (
            "import sqlalchemy as sa\nsa.text('x in :a')",
            "import sqlalchemy as sa\nsa.text('x in :a').bindparams(sa.bindparam(\"a\", expanding=True))",
        ),
        (
            "from sqlalchemy import bindparam, text\ntext('x in :a and y not in :b or z in :a')",
            "from sqlalchemy import bindparam, text\n"
            "text('x in :a and y not in :b or z in :a')"
            '.bindparams(bindparam("a", expanding=True), bindparam("b", expanding=True))',
        ),
        (
            "import sqlalchemy as sa\nsa.text('x is :a')",
            "import sqlalchemy as sa\nsa.text('x is not distinct from :a')",
        ),
    ],
)
def test_safe(before: str, after: str) -> None:
    code, outcomes = run(before)
    assert code == after
    assert set(outcomes) == {"rewritten"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("cur.execute('x in %s', (a,))", "cur.execute('x = any(%s)', (list(a),))"),
        (
            "cur.execute('set x = %s', (a,))",
            "cur.execute(\"select set_config('x', %s::text, false)\", (a,))",
        ),
        (
            "cur.execute('create role a password %s', (a,))",
            "psycopg.ClientCursor(cur.connection).execute('create role a password %s', (a,))",
        ),
        (
            "psycopg2.connect().cursor().execute('drop role %s; select 1', (a,))",
            "psycopg.ClientCursor(psycopg2.connect()).execute('drop role %s; select 1', (a,))",
        ),
        (
            "cur.execute('delete from t; select 1')\nprint(cur.fetchone())",
            "cur.execute('delete from t; select 1')\nwhile cur.nextset():\n    pass\nprint(cur.fetchone())",
        ),
        (
            "cur.execute('delete from t; select 1', ())\nprint(cur.fetchone())",
            "cur.execute('delete from t; select 1', ())\nwhile cur.nextset():\n    pass\nprint(cur.fetchone())",
        ),
        (
            "from psycopg2 import sql\ncur.execute(sql.SQL('{} in {}').format(a, sql.Literal(tuple(b))))",
            "from psycopg2 import sql\ncur.execute(sql.SQL('{} = any({})').format(a, sql.Literal(list(b))))",
        ),
        ("cur.execute('select %s is null', (a,))", "cur.execute('select %s::text is null', (a,))"),
        (
            "cur.execute('select concat(%s, a)', (str(a),))",
            "cur.execute('select concat(%s::text, a)', (str(a),))",
        ),
        (
            "cur.execute('select unnest(%s)', (['a', 'b'],))",
            "cur.execute('select unnest(%s::text[])', (['a', 'b'],))",
        ),
        (
            "cur.execute('select generate_series(%s, %s)', (1, len(a)))",
            "cur.execute('select generate_series(%s::int, %s::int)', (1, len(a)))",
        ),
        (
            "cur.execute(\"select interval '%s years'\", (a,))",
            "cur.execute(\"select (%s * interval '1 year')\", (a,))",
        ),
    ],
)
def test_unsafe(before: str, after: str) -> None:
    code, outcomes = run(before)
    assert (code, set(outcomes)) == (before, {"manual"})
    code, outcomes = run(before, unsafe=True)
    assert code == after
    assert set(outcomes) == {"changed behaviour"}


@pytest.mark.parametrize(
    "statement",
    [
        "cur.execute('x in %s', a)",
        "cur.execute('(x, y) in %s', (((1, 2),),))",
        "cur.execute('x in %s', (((1, 2),),))",
        "cur.execute('x in %s', ((1, '2'),))",
        "cur.execute('x in %s', (([1],),))",
        "cur.execute('x in %(a)s or %(a)s = y', {'a': tuple(a)})",
        "cur.execute(f'{b} x in %s', (tuple(a), 1))",
        "Q = 'x in %s'\ncur.execute(Q, (tuple(a),))\ncur.execute(Q, a)",
        "Q = 'x is %s'\nprepared(Q)\ncur.execute(Q, (a,))",
        "cur.execute('select %s', 'ab', 'c')\ncur.execute('select %s, %s', 'ab')",
        "cur.execute('create role a password %s; select 1', (a,))\nprint(cur.fetchall())",
        "cur.execute('select a order by %s', (1,))",
        "cur.executemany('delete from a where x = %s; delete from b', [(1,)])",
        "if cur.execute('drop role %s', (a,)): pass",
        "cur.execute('insert into t (a, b) values (%(x)s, %(x)s)', {'x': 'y'})",
        "class Find:\n    SQL = 'x in %s'\n    def find(self):\n        cur.execute(self.SQL, (tuple(a),))",
        "def query():\n    return 'delete from t where x in %s'",
        "clauses.append('a.x NOT IN %(x)s')",
        "import sqlalchemy\nfilters = ['x in :some']",
        "import sqlalchemy\ndef query(db):\n    db.session.execute('select 1 where x in :a', {'a': tuple(a)})",
        "def f(c):\n    c.execute('x in %s', (tuple(a),))",
        "def f(db):\n    return db.query('select 1 where x in %s', (tuple(a),))",
        "q = 'select 1 where true'\nif a:\n    q += ' and x in %s'\ncur.execute(q, p)",
        "q = 'select 1 where true'\nif a:\n    q += ' and x in %s'\ncur.execute(q + ' limit 1', p)",
        "some = ['true']\nsome.append('x in %s')\ncur.execute('select 1 where ' + ' and '.join(some), p)",
        "some = ['x in %s']\nw = f'where {\" and \".join(some)}' if a else ''\ncur.execute('select 1 {}'.format(w), p)",
        "cur.execute(' '.join(['select 1', 'where x in %s']), p)",
        "p = {}\np['a'] = tuple(a)\nlog(p)\ncur.execute('x in %(a)s', p)",
        "p = {'a': 1}\np['a'] = tuple(a)\ncur.execute('x in %(a)s', p)",
        "from psycopg2 import sql\ncur.execute(sql.SQL('x in {}').format(sql.Placeholder()), (tuple(a),))",
        "cur.execute('select 1 where x = %s', ([1, 2],))",
        "import sqlalchemy as sa\nw = ''\nif a:\n    w = 'where x in :p'\nsa.text('select 1 ' + w)",
        "import sqlalchemy as sa\nsa.text('create role a password :p')",
    ],
)
def test_manual(statement: str) -> None:
    code, outcomes = run(statement, unsafe=True)
    assert "manual" in outcomes
    assert code == statement or "'ab', 'c'" in statement


@pytest.mark.parametrize(
    "statement",
    [
        "cur.execute('select 1; select 2')",
        "cur.execute('update t set x = %s where y', ([1, 2],))",
        "cur.execute('select 1 where x = %s', (['a'],))",
        "cur.execute('select %s, x = any(%s)', (a, [1]))",
        "cur.execute('select a && %s', (['a'],))",
        "cur.execute('select concat(%s, a)', (1,))",
        "cur.execute('select %s is null', (1,))",
        "cur.execute(a, b)",
        "cur.execute('insert into t (a, b) values (%(x)s, %(x)s)', {'x': 1})",
        "def f():\n    'select what is in %s'",
        "raise ValueError('select one that is in %s')",
        "messages.append('nothing of %(what)s is in %(where)s')",
        "messages.append('found in %s')",
        "from psycopg2.extras import execute_values\nQ = 'select 1 where x in %s'\nexecute_values(cur, Q, [(1,)])",
        "class Thing:\n    def execute(self, a, b): ...\nThing().execute('x in %s', (tuple(a),))",
        "print('select 1 where x in %s', (tuple(a),))",
        "log.warning('select %s interval %s', a, b)",
        "import django.db\ndef f(c):\n    c.execute('select interval %s', (a,))",
        "from sqlalchemy import bindparam, text\ntext('x in :a').bindparams(bindparam('a', expanding=True))",
        "from sqlalchemy import text\ntext('select a::int where b = :b')",
    ],
)
def test_left_alone(statement: str) -> None:
    assert run(statement, unsafe=True) == (statement, [])


def test_place_in_long_texts() -> None:
    context = CodemodContext()
    source = f'{CURSOR}cur.execute("""\n  select 1\n  where x in %s""", a)\n'
    Statements(context).transform_module(cst.parse_module(source))
    assert [each.location.row for each in context.scratch[ITEMS]] == [5]


def test_texts_of_other_modules(tmp_path: Path) -> None:
    """A text that another module may execute stays: its values are out of sight."""
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "queries.py").write_text(f"{CURSOR}QUERY = 'x in %s'\ncur.execute(QUERY, (tuple(a),))\n")
    route = dataclasses.replace(ROUTE, rewrites=(Statements,))
    assert migrate([tmp_path], Settings(), tmp_path, route).texts
    (tmp_path / "use.py").write_text("from queries import QUERY, cur\ncur.execute(QUERY, b)\n")
    found = migrate([tmp_path], Settings(), tmp_path, route)
    assert not found.texts
    assert ("queries.py", 3) in [(Path(each.filename).name, each.location.row) for each in found.manual]


HELPERS = """
import psycopg2


class Database:
    def __init__(self):
        self.connection = psycopg2.connect()

    def fetch(self, query, params=None):
        if params is not None:
            log.info(query, params)
        with self.connection.cursor() as cursor:
            cursor.execute(query, params)
            return cursor.fetchall()

    def one(self, query, params=()):
        return self.fetch(query, params or ())[0]

    def cached(self, query, params):
        self.cache[params] = self.fetch(query, params)


def run(sql, *, values):
    psycopg2.connect().cursor().execute(sql, values)
"""
CALLERS = """
from helpers import Database, run


def work(a, other):
    Database().fetch("x in %s", (tuple(a),))
    Database().one("x in %s", params=(tuple(a),))
    run("x is %s", values=[a])
    Database().cached("select 1 where x in %s", (tuple(a),))
    other.fetch("select 1 where x in %s", (tuple(a),))
"""


def test_helpers_hand_statements_on(tmp_path: Path) -> None:
    """Callers of a function that executes what it is given write statements; a key of a cache stays a tuple."""
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "helpers.py").write_text(HELPERS)
    (tmp_path / "use.py").write_text(CALLERS)
    found = migrate([tmp_path], Settings(), tmp_path, dataclasses.replace(ROUTE, rewrites=(Statements,)))
    ((_, new),) = found.texts.values()
    assert new.splitlines()[5:] == [
        '    Database().fetch("x = any(%s)", (list(a),))',
        '    Database().one("x = any(%s)", params=(list(a),))',
        '    run("x is not distinct from %s", values=[a])',
        '    Database().cached("select 1 where x in %s", (tuple(a),))',
        '    other.fetch("select 1 where x in %s", (tuple(a),))',
    ]
    assert [each.location.row for each in found.manual if each.filename.endswith("use.py")] == [9, 10]


WRAPPER = """
import psycopg2


class Wrapper:
    def __init__(self):
        self.cursor = psycopg2.connect().cursor()

    def execute(self, statement, params=None):
        self.cursor.execute(statement, params)


def work(w: Wrapper):
    w.execute("EXECUTE plan(%s)", (1,))
    w.execute(f"EXECUTE plan({', '.join(['%s' for _ in y])})", y)
    w.execute(b"; ".join(x for x in y))
"""


def test_wrappers_have_methods_of_the_same_names(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "wrapper.py").write_text(WRAPPER)
    found = migrate([tmp_path], Settings(), tmp_path, dataclasses.replace(ROUTE, rewrites=(Statements,)))
    assert not found.texts
    assert sorted(each.location.row for each in found.manual) == [14, 15, 16]


def test_statements_that_are_joined() -> None:
    joined = 's = ";".join(x)\ncur.execute(s)\n'
    assert run(f"{joined}cur.close()") == (f"{joined}cur.close()", [])
    assert run(f"{joined}cur.fetchall()") == (f"{joined}cur.fetchall()", ["manual"])
    code, outcomes = run(f"{joined}cur.fetchall()", unsafe=True)
    assert "while cur.nextset():" in code
    assert outcomes == ["changed behaviour"]
