"""What psycopg 3 leaves to those who use it."""

import contextlib
import itertools
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg


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


@contextlib.contextmanager
def committing(connection: Any) -> Iterator[Any]:
    """Commit or roll back at the end, and leave the connection open, where its own `with` would close it."""
    autocommit = connection.autocommit
    if autocommit:  # the block is one transaction all the same
        connection.autocommit = False
    try:
        yield connection
    except BaseException:
        connection.rollback()
        raise
    else:
        connection.commit()
    finally:
        if autocommit and not connection.closed:
            connection.autocommit = True


def execute_values(cur, sql, argslist, template=None, page_size=100, fetch=False):
    """Execute a statement whose `VALUES %s` stands for many rows, `page_size` of them at a time."""
    quoting = psycopg.ClientCursor(cur.connection)
    if isinstance(sql, bytes):
        sql = sql.decode(cur.connection.info.encoding)
    elif not isinstance(sql, str):
        sql = sql.as_string(cur.connection)
    around = [part.replace("\0", "%") for part in sql.replace("%%", "\0").split("%s")]
    if len(around) != 2:
        raise ValueError("the statement must have one placeholder %s")
    rows, found = iter(argslist), []
    while page := list(itertools.islice(rows, page_size)):
        if template is None:
            template = f"({','.join(['%s'] * len(page[0]))})"
        values = [quoting.mogrify(template, row if isinstance(row, Mapping) else tuple(row)) for row in page]
        cur.execute(",".join(values).join(around))
        if fetch:
            found += cur.fetchall()
    return found if fetch else None
