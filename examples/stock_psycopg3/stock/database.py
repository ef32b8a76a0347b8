"""Connections of psycopg, and what every module needs of them."""

import psycopg

from stock.psycopg_helpers import DictRow, committing

SCHEMA = """
    create table if not exists item (
        id serial primary key,
        name text not null unique,
        quantity int not null default 0,
        checked timestamp not null default now()
    )
"""


def connect(dsn):
    connection = psycopg.connect(conninfo=dsn, row_factory=DictRow.factory)
    with committing(connection):
        with connection.cursor() as cursor:
            cursor.execute(SCHEMA)
    return connection


def describe(connection):
    return connection.info.parameter_status("server_encoding"), connection.closed == 0
