"""Items as text for other programs."""

import io

from stock.database import connect


def export(dsn):
    connection = connect(dsn)
    out = io.StringIO()
    with connection.cursor() as cursor:
        with cursor.copy("copy (select name, quantity from item order by name) to stdout with csv") as copy:
            for data in copy:
                out.write(bytes(data).decode(cursor.connection.info.encoding))
    connection.close()
    return out.getvalue()
