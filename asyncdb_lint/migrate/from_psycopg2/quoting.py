"""Functions of `psycopg2.extensions` that quote, and a few that psycopg 3 has elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.migrate.from_psycopg2.registering import Registrations

if TYPE_CHECKING:
    from collections.abc import Callable

X = "psycopg2.extensions"
LISTS = "lists are quoted otherwise"
SAME = {f"{X}.{name}FromPy" for name in ("Date", "Time", "Timestamp", "Interval")}
PRIVATE = {
    f"psycopg2.sql.{name}"
    for name in ("SQL.string", "Identifier.string", "Identifier.strings", "Literal.wrapped", "Composed.seq")
}
VERSION = "psycopg2.__version__"


class Quoting(Registrations):
    """`quote_ident()`, `adapt()`, `QuotedString`, `encrypt_password()`, `make_dsn()`, `FixedOffsetTimezone`."""

    DESCRIPTION = "Rewrite psycopg2's functions that quote, encrypt and build addresses."

    def examine(self) -> None:
        answers: dict[str, Callable[[cst.Call], None]] = {
            f"{X}.quote_ident": self.identifier,
            "psycopg2.extras.quote_ident": self.identifier,
            f"{X}.adapt": self.value,
            f"{X}.QuotedString": self.value,
            f"{X}.encrypt_password": self.password,
            f"{X}.make_dsn": self.address,
            "psycopg2.tz.FixedOffsetTimezone": self.zone,
        }
        for call in self.calls():
            name = self.full_name(call.func).replace("._psycopg.", ".extensions.")
            if name in answers:
                answers[name](call)
            elif name in SAME and len(call.args) == 1 and self.unsafe:
                self.unwrap(call)
        for attribute in self.attributes():
            if self.full_name(attribute) in PRIVATE:
                self.tell(attribute, "manual", f"`{attribute.attr.value}` is private in psycopg 3",
                          "keep what the object was made of, or use `as_string(connection)`")  # fmt: skip
        for use in self.uses_of({"__version__"}):
            if self.full_name(use) == VERSION and isinstance(
                self.parent(use), (cst.Attribute, cst.Arg, cst.Comparison, cst.Subscript)
            ):
                self.tell(use, "changed behaviour", "the version is psycopg 3's, and has no list of features")

    def unwrap(self, call: cst.Call) -> None:
        """`DateFromPy(day)`: the object itself is given."""
        self.claim(call.func)
        self.tell(call, "changed behaviour", "objects of `datetime` are given as they are")
        self.change(call, lambda updated: updated.args[0].value)

    def identifier(self, call: cst.Call) -> None:
        """`quote_ident(name, connection)`."""
        name, scope = self.file.argument(call, "ident", 0), self.file.argument(call, "scope", 1)
        if name is None or scope is None:
            return
        made = self.name(call, "psycopg.sql", "Identifier")
        self.claim(call.func)
        self.tell(call, "rewritten", "`quote_ident()` is `Identifier(…).as_string()`")
        self.change(
            call,
            lambda updated: called(
                cst.Attribute(called(made, value_of(updated, call, name)), cst.Name("as_string")),
                value_of(updated, call, scope),
            ),
        )

    def value(self, call: cst.Call) -> None:
        """`adapt(value).getquoted().decode()`: psycopg 3 gives text at once."""
        whole, is_text = self.quoted(call)
        if whole is None or len(call.args) != 1:
            return  # the pass that renames tells of it
        said = "`quote()` gives the text at once"
        if not self.unsafe:
            self.hand_over(
                call.func,
                call,
                said,
                "use `psycopg.sql.quote(value, connection)`; lists are quoted otherwise",
            )
            return
        self.claim(call.func)
        quote = self.name(call, "psycopg.sql", "quote")
        self.tell(call, "changed behaviour", f"{said}; {LISTS}")
        given = call.args[0].value

        def quoted(_: cst.BaseExpression) -> cst.BaseExpression:
            text = called(quote, given)
            return text if is_text else called(cst.Attribute(text, cst.Name("encode")))

        self.change(whole, quoted)

    def quoted(self, call: cst.Call) -> tuple[cst.Call | None, bool]:
        """What is made of an adapted value by `.getquoted()`, `.decode()` after it, or `str()`; whether it is text."""
        arg = self.parent(call)
        outer = self.parent(arg) if isinstance(arg, cst.Arg) else None
        if (
            isinstance(outer, cst.Call)
            and self.full_name(outer.func) == "builtins.str"
            and len(outer.args) == 1
        ):
            return outer, True
        got = self.method(call, "getquoted")
        if got is None:
            return None, False
        decoded = self.method(got, "decode")
        return (decoded, True) if decoded is not None else (got, False)

    def method(self, node: cst.Call, name: str) -> cst.Call | None:
        """The call of a method on what a call gives."""
        attribute = self.parent(node)
        if not isinstance(attribute, cst.Attribute) or attribute.attr.value != name:
            return None
        outer = self.parent(attribute)
        return outer if isinstance(outer, cst.Call) and outer.func is attribute else None

    def password(self, call: cst.Call) -> None:
        """`encrypt_password(password, user, connection, algorithm)` is a method of `pgconn`, of bytes."""
        given = [
            self.file.argument(call, name, n)
            for n, name in enumerate(("password", "user", "scope", "algorithm"))
        ]
        password, user, scope, algorithm = given
        said = "passwords are encrypted by `connection.pgconn.encrypt_password()`, as bytes"
        if (
            password is None
            or user is None
            or scope is None
            or not self.is_object(scope.value, "connection", "cursor")
        ):
            self.hand_over(call.func, call, said, "encode the arguments, decode the result")
            return
        if not self.unsafe:
            self.hand_over(call.func, call, said, "encode the arguments, decode the result")
            return
        owner = self.code(scope.value) + (".connection" if self.is_object(scope.value, "cursor") else "")
        parts = [encoded(self.code(each.value)) for each in (password, user, algorithm) if each is not None]
        self.claim(call.func)
        self.tell(call, "changed behaviour", said)
        text = f"{owner}.pgconn.encrypt_password({', '.join(parts)}).decode()"
        self.change(call, lambda _: cst.parse_expression(text))

    def address(self, call: cst.Call) -> None:
        """`make_dsn(database=…)`."""
        for arg in call.args:
            if arg.keyword is not None and arg.keyword.value == "database":
                self.tell(arg, "rewritten", "the argument `database` is called `dbname`")
                self.change(arg, lambda updated: updated.with_changes(keyword=cst.Name("dbname")))
            elif arg.keyword is not None and arg.keyword.value == "dsn":
                self.tell(arg, "rewritten", "the argument `dsn` is called `conninfo`")
                self.change(arg, lambda updated: updated.with_changes(keyword=cst.Name("conninfo")))

    def zone(self, call: cst.Call) -> None:
        """`FixedOffsetTimezone(offset=minutes, name=None)`."""
        offset, name = self.file.argument(call, "offset", 0), self.file.argument(call, "name", 1)
        if offset is None or len(call.args) != 1 + (name is not None):
            return  # the pass that renames tells of it
        said = "`FixedOffsetTimezone` is `datetime.timezone`, which shows itself otherwise"
        if not self.unsafe:
            self.hand_over(call.func, call, said, "use `datetime.timezone(datetime.timedelta(minutes=…))`")
            return
        zone, text = self.name(call, "datetime", "timezone"), self.code(offset.value)
        given = offset.value.func if isinstance(offset.value, cst.Call) else offset.value
        if self.full_name(given) != "datetime.timedelta":
            text = f"{self.name(call, 'datetime', 'timedelta')}(minutes={text})"
        self.claim(call.func)
        self.tell(call, "changed behaviour", said)
        if name is not None and self.code(name.value) != "None":
            text += f", {self.code(name.value)}"
        self.change(call, lambda _: cst.parse_expression(f"{zone}({text})"))


def called(function: str | cst.BaseExpression, *values: cst.BaseExpression) -> cst.Call:
    """A call of a function, by text or as a node."""
    func = cst.parse_expression(function) if isinstance(function, str) else function
    return cst.Call(func, [cst.Arg(value) for value in values])


def value_of(updated: cst.Call, original: cst.Call, arg: cst.Arg) -> cst.BaseExpression:
    """An argument as it is after the changes inside it."""
    return updated.args[list(original.args).index(arg)].value


def encoded(text: str) -> str:
    """Bytes from the text of an expression that gives text."""
    node = cst.parse_expression(text)
    plain = isinstance(node, (cst.Name, cst.Attribute, cst.Call, cst.Subscript, cst.SimpleString))
    return f"{text}.encode()" if plain else f"({text}).encode()"
