"""Connections of psycopg2, and what every module needs of them."""

import psycopg2
from psycopg2.extras import DictCursor

SCHEMA = """
    create table if not exists item (
        id serial primary key,
        name text not null unique,
        quantity int not null default 0,
        checked timestamp not null default now()
    )
"""


def connect(dsn):
    connection = psycopg2.connect(dsn=dsn, cursor_factory=DictCursor)
    with connection:
        with connection.cursor() as cursor:
            cursor.execute(SCHEMA)
    return connection


def describe(connection):
    return connection.get_parameter_status("server_encoding"), connection.closed == 0
