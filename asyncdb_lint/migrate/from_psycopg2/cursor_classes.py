"""psycopg2's cursor and connection classes that make rows, and the row factories that make the same."""

from __future__ import annotations

from asyncdb_lint.migrate.helpers import Helper

DICT_CURSOR = "psycopg2.extras.DictCursor"
REAL_DICT_CURSOR = "psycopg2.extras.RealDictCursor"
DICT_ROW = "psycopg2.extras.DictRow"
REAL_DICT_ROW = "psycopg2.extras.RealDictRow"
PLAIN = {"psycopg2.extensions.cursor", "psycopg2._psycopg.cursor"}
PLAIN_CONNECTIONS = {"psycopg2.extensions.connection", "psycopg2._psycopg.connection"}
ROW_CURSORS = {
    REAL_DICT_CURSOR: "dict_row",
    "psycopg2.extras.NamedTupleCursor": "namedtuple_row",
    **dict.fromkeys(PLAIN, "tuple_row"),
}
"""Cursor classes and their equal in `psycopg.rows`."""
CONNECTIONS = {
    "psycopg2.extras.RealDictConnection": REAL_DICT_CURSOR,
    "psycopg2.extras.NamedTupleConnection": "psycopg2.extras.NamedTupleCursor",
    "psycopg2.extras.DictConnection": DICT_CURSOR,
}
"""Connection classes by the class of their cursors."""
FACTORIES = {*ROW_CURSORS, DICT_CURSOR}
EVIDENCE = FACTORIES - PLAIN
"""Cursor classes of which only psycopg2's connections know."""
SHARING = {"aiopg", "momoko", "txpostgres"}
"""Drivers that build on psycopg2."""
OWN_CURSOR = (
    "derive the class from `psycopg.Cursor` (`ClientCursor` keeps psycopg2's binding) with "
    "`def execute(self, query, params=None, **kwargs): …; return super().execute(query, params, **kwargs)`, "
    "and make its cursors by `connection.cursor_factory = Class` or `Class(connection)`"
)
OWN_CONNECTION = (
    "derive the class from `psycopg.Connection` and connect by `Class.connect(…)`; "
    "its `__init__` gets a `PGconn`"
)
LOGGING = (
    "log in a class of your own: `class Logging(psycopg.ClientCursor)` whose `execute()` logs "
    "`self.mogrify(query, params)`, used by `connect(…, cursor_factory=Logging)`"
)
HELPER = Helper(
    "DictRow",
    ("from collections import OrderedDict",),
    '''
class DictRow(list):
    """A row that is read by position and by name, as those of DictCursor were."""

    __slots__ = ("_index",)

    def __init__(self, index, values):
        super().__init__(values)
        self._index = index

    @classmethod
    def factory(cls, cursor):
        """The row factory: `connection.cursor(row_factory=DictRow.factory)`."""
        index = {column.name: place for place, column in enumerate(cursor.description or ())}
        return lambda values: cls(index, values)

    def _place(self, key):
        return key if isinstance(key, (int, slice)) else self._index[key]

    def __getitem__(self, key):
        return super().__getitem__(self._place(key))

    def __setitem__(self, key, value):
        super().__setitem__(self._place(key), value)

    def __contains__(self, key):
        return key in self._index

    def keys(self):
        return iter(self._index)

    def values(self):
        return (self[place] for place in self._index.values())

    def items(self):
        return ((name, self[place]) for name, place in self._index.items())

    def get(self, key, default=None):
        try:
            return self[key]
        except Exception:
            return default

    def copy(self):
        return OrderedDict(self.items())

    def __reduce__(self):
        return type(self), (self._index, self[:])
''',
)
