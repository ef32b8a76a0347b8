"""Items as text for other programs."""

import io

from stock.database import connect


def export(dsn):
    connection = connect(dsn)
    out = io.StringIO()
    with connection.cursor() as cursor:
        cursor.copy_expert("copy (select name, quantity from item order by name) to stdout with csv", out)
    connection.close()
    return out.getvalue()
