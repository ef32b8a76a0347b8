"""Reading and writing items."""

from psycopg.errors import UniqueViolation
from psycopg import errors

from stock.database import connect, describe
from stock.psycopg_helpers import committing, execute_values

FRESH = "select count(*) from item where checked > now() - (%s * interval '1 day')"


def add(connection, items):
    """Add items; those that are there get more of it."""
    with committing(connection), connection.cursor() as cursor:
        execute_values(
            cursor,
            "insert into item (name, quantity) values %s"
            " on conflict (name) do update set quantity = item.quantity + excluded.quantity",
            items,
        )


def rename(connection, old, new):
    """Whether an item could be renamed."""
    try:
        with committing(connection), connection.cursor() as cursor:
            cursor.execute("update item set name = %s where name = %s", (new, old))
    except errors.UniqueViolation as error:
        return error.sqlstate == UniqueViolation.sqlstate and error.diag.constraint_name
    return True


def quantities(connection, names):
    with connection.cursor() as cursor:
        cursor.execute("select name, quantity from item where name = any(%s) order by name", (list(names),))
        return [(row["name"], row[1]) for row in cursor]


def fresh(connection, days):
    with connection.cursor() as cursor:
        cursor.execute(FRESH, (days,))
        return cursor.fetchone()[0]


def work(dsn):
    """All of it, once."""
    connection = connect(dsn)
    try:
        add(connection, [("bolt", 5), ("nut", 7), ("gear", 1)])
        add(connection, [("bolt", 1)])
        renamed = rename(connection, "nut", "bolt")
        return describe(connection), renamed, quantities(connection, ["bolt", "nut"]), fresh(connection, 2)
    finally:
        connection.close()
