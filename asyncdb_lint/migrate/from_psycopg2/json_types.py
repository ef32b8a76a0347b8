"""`Json`: psycopg2 writes it as text without a type, psycopg 3 as json, or with `Jsonb` as jsonb."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import libcst as cst

from asyncdb_lint.config import Settings
from asyncdb_lint.discovery import project_files, project_root
from asyncdb_lint.migrate.from_psycopg2.registering import MADE_TOO_EARLY, MOVE_UP, Registrations
from asyncdb_lint.migrate.helpers import Helper
from asyncdb_lint.semantics.kinds import Instance

JSON_LOADS = Helper(
    "set_json_loads",
    ("import psycopg",),
    '''
def set_json_loads(name, loads, context=None):
    """Let values of type json or jsonb be what `loads(text)` makes of them."""

    class JsonLoader(psycopg.adapt.Loader):
        def load(self, data):
            return loads(bytes(data).decode())

    (psycopg if context is None else context).adapters.register_loader(name, JsonLoader)
''',
)
JSON = "psycopg2.extras.Json"
WORD_JSONB = re.compile(r"\bjsonb\b", re.IGNORECASE)
WORD_JSON = re.compile(
    r"(?i:\b(?!(?:import|as)\b)\w+[\"`]?\s+json\s*(?:[,)]|\bnot\b|\bnull\b|\bdefault\b)|::json\b)|\bJSON\(\)|\(JSON\b"
)
"""A column of type json in a statement, or in a table of SQLAlchemy's."""
PLACEHOLDER = re.compile(r"%(?:\((\w+)\))?s")
OF_JSONB = re.compile(r"(?:@>|<@|\|\||\bjsonb_\w+\s*\([^()]*|=|<>)\s*$", re.IGNORECASE)
"""What only jsonb has: containment, concatenation, its functions, comparison."""
AS_OTHERS = re.compile(
    r"\b(?:(?:coalesce|greatest|least|nullif)\s*\([^()]*|(?:then|else)\s*)$", re.IGNORECASE
)
"""Where a value must be of the type that others beside it are of."""
ASSIGNED = re.compile(r"\bset\b[^;]*$", re.IGNORECASE)
CONDITION = re.compile(r"\bwhere\b[^;]*$", re.IGNORECASE)
LOADING = {"psycopg2.extras.register_default_json": "json", "psycopg2.extras.register_default_jsonb": "jsonb"}
MAPPERS = {"json.loads"}
NOTE = "psycopg 3 gives it the type {}, psycopg2 none: operators and functions of {} need `{}`"


class JsonTypes(Registrations):
    """`Json(…)` as parameter, `register_adapter(dict, Json)`, `register_default_json()`."""

    DESCRIPTION = "Rewrite psycopg2's Json to psycopg 3's Json or Jsonb."

    def examine(self) -> None:
        self.noted: set[str] = set()
        for call in self.calls():
            name = self.full_name(call.func)
            if name == JSON:
                self.wrap(call)
            elif name == "builtins.str" and len(call.args) == 1 and self.is_json(call.args[0].value):
                self.tell(
                    call, "manual", "the text of a `Json` is no SQL", "quote it: `psycopg.sql.quote(value)`"
                )
            elif name == "psycopg2.extensions.register_adapter" and len(call.args) == 2:
                if self.full_name(call.args[1].value) == JSON:
                    self.register(call)
            elif name in LOADING:
                self.load(call, LOADING[name])
        for attribute in self.attributes():
            if self.full_name(attribute) == f"{JSON}.adapted":
                self.tell(attribute, "rewritten", "`adapted` is `obj`")
                self.change(attribute, lambda updated: updated.with_changes(attr=cst.Name("obj")))
        for definition in self.file.model.nodes.get(cst.ClassDef, ()):
            self.judge_class(cst.ensure_type(definition, cst.ClassDef))

    def judge_class(self, definition: cst.ClassDef) -> None:
        """A class derived from `Json` whose `dumps()` nobody calls any more."""
        dumps = any(
            isinstance(each, cst.FunctionDef) and each.name.value == "dumps" for each in definition.body.body
        )
        for arg in definition.bases if dumps else ():
            if self.full_name(arg.value) == JSON:
                self.hand_over(arg.value, arg, "psycopg 3 does not call `dumps()` of a class derived from `Json`",
                               "give the function to `Json(obj, dumps=…)`, or to `set_json_dumps()`")  # fmt: skip

    def is_json(self, node: cst.BaseExpression) -> bool:
        kind = self.file.kind(node)
        return isinstance(kind, Instance) and kind.name == JSON

    # Parameters

    def wrap(self, call: cst.Call) -> None:
        """A value that is given as JSON: as jsonb where it must have been that."""
        context = self.takes_jsonb(call)
        if context is None:
            binary = self.is_jsonb()
            self.note(call, "Json" if binary else "Jsonb", binary=binary)
        else:
            binary = context
        if binary:
            self.claim(call.func)
            name = self.name(call, "psycopg.types.json", "Jsonb")
            self.tell(call, "rewritten", "`Json` is `Jsonb` for values of type jsonb")
            self.change(call.func, lambda _: cst.parse_expression(name))

    def note(self, call: cst.Call, other: str, *, binary: bool) -> None:
        """Tell once a file what another type would be needed for."""
        if other not in self.noted:
            self.noted.add(other)
            mine, others = ("jsonb", "json") if binary else ("json", "jsonb")
            self.tell(call, "changed behaviour", NOTE.format(mine, others, other))

    def takes_jsonb(self, call: cst.Call) -> bool | None:
        """Whether the statement that a value goes into takes jsonb only; None where it cannot be told."""
        holder, key = self.parent(call), None
        if isinstance(holder, (cst.Element, cst.DictElement)):
            key = self.constant(holder.key) if isinstance(holder, cst.DictElement) else None
            place = self.parent(holder)
        else:
            return None
        if isinstance(place, (cst.Tuple, cst.List)):
            key = list(place.elements).index(holder) if isinstance(holder, cst.Element) else None
        arg = self.parent(place) if place is not None else None
        execute = self.parent(arg) if isinstance(arg, cst.Arg) else None
        if not isinstance(execute, cst.Call) or not isinstance(execute.func, cst.Attribute):
            return None
        if execute.func.attr.value not in ("execute", "executemany") or not execute.args:
            return None
        sql = self.constant(execute.args[0].value)
        if not isinstance(sql, str) or key is None:
            return None
        found = (
            [match for match in PLACEHOLDER.finditer(sql) if match[1] == key] if isinstance(key, str) else []
        )
        if isinstance(key, int):
            all_of_them = list(PLACEHOLDER.finditer(sql))
            found = all_of_them[key : key + 1]
        if any(AS_OTHERS.search(sql[: match.start()]) for match in found):
            return None
        return any(needs_jsonb(sql, match) for match in found) if found else None

    def is_jsonb(self) -> bool:
        """Whether all JSON of the project's tables is jsonb, as far as its texts tell."""
        own, path = self.file.text, Path(self.file.model.path)
        others = told_in(project_root(path)) if path.exists() else (False, False)
        return bool(WORD_JSONB.search(own) or others[0]) and not (WORD_JSON.search(own) or others[1])

    # Registrations

    def register(self, call: cst.Call) -> None:
        if self.is_late(call, None):
            self.leave_all(call, MADE_TOO_EARLY, MOVE_UP)
            return
        binary = self.is_jsonb()
        dumper = self.name(call, "psycopg.types.json", "JsonbDumper" if binary else "JsonDumper")
        adapters = self.name(call, "psycopg", "adapters")
        self.claim(call.func)
        self.claim(call.args[1].value)
        self.note(call, "JsonDumper" if binary else "JsonbDumper", binary=binary)
        kind = self.code(call.args[0].value)
        self.change(call, lambda _: cst.parse_expression(f"{adapters}.register_dumper({kind}, {dumper})"))

    def load(self, call: cst.Call, type_name: str) -> None:
        """`register_default_jsonb(conn, loads=f)`."""
        given = self.file.argument(call, "conn_or_curs", 0)
        globally, loads = self.file.argument(call, "globally", 1), self.file.argument(call, "loads", 2)
        everywhere = globally is not None and self.constant(globally.value) is True
        if self.statement(call) is None or (given is None and not everywhere):
            return  # the pass that renames tells of it
        context = None if everywhere or given is None else given.value
        if loads is None or self.full_name(loads.value) in MAPPERS:
            self.drop(call, "psycopg 3 loads JSON so by itself")
            return
        if self.is_late(call, context):
            self.leave_all(call, MADE_TOO_EARLY, MOVE_UP)
            return
        function = self.code(loads.value)
        self.claim(call.func)
        self.tell(call, "rewritten", f"the loader of {type_name} is registered with `adapters`")
        if re.fullmatch(r"lambda (\w+): \1|str", function):
            loader = self.name(call, "psycopg.types.string", "TextLoader")
            adapters = (
                f"{self.code(context)}.adapters"
                if context is not None
                else self.name(call, "psycopg", "adapters")
            )
            text = f'{adapters}.register_loader("{type_name}", {loader})'
        else:
            owner = f", {self.code(context)}" if context is not None else ""
            text = f'{self.helper(JSON_LOADS)}("{type_name}", {function}{owner})'
        self.change(call, lambda _: cst.parse_expression(text))


def needs_jsonb(sql: str, placeholder: re.Match[str]) -> bool:
    """Whether jsonb alone can stand in the place of a placeholder; a cast takes either."""
    before, after = sql[: placeholder.start()], sql[placeholder.end() :]
    if after.lstrip().startswith("::"):
        return False
    if re.match(r"\s*(?:@>|<@|\|\|)", after):
        return True
    found = OF_JSONB.search(before)
    if found is None:
        return False
    assigns = found[0].strip() == "=" and ASSIGNED.search(before) and not CONDITION.search(before)
    return not assigns


@functools.lru_cache(maxsize=4)
def told_in(root: Path) -> tuple[bool, bool]:
    """Whether a project's modules and SQL files speak of jsonb, and of columns of type json."""
    binary = plain = False
    for path in (*project_files(root, Settings()), *root.rglob("*.sql")):
        try:
            text = path.read_text(errors="replace")
        except OSError:
            continue
        binary = binary or WORD_JSONB.search(text) is not None
        plain = plain or WORD_JSON.search(text) is not None
    return binary, plain
