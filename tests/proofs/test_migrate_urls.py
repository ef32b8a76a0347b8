"""URLs without a driver: SQLAlchemy before 2.1 takes psycopg2, and psycopg once it is named."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy
from libcst import parse_module
from libcst.codemod import CodemodContext

from asyncdb_lint.migrate.command import UNSAFE
from asyncdb_lint.migrate.from_psycopg2.implicit_urls import ImplicitUrls

from .migration import same_answers
from .support import Database

ENGINES = {
    "texts": """
        from sqlalchemy import create_engine, text
        from sqlalchemy.engine import URL, make_url

        def work(dsn):
            folder = make_url(dsn).query["host"]
            parts = {"username": "postgres", "database": "postgres", "query": {"host": folder}}
            named = {"drivername": "postgresql+psycopg2", **parts}
            found = []
            for url in (
                f"postgresql+psycopg2://postgres@/postgres?host={folder}",
                "postgresql+psycopg2://{}@/postgres?host={}".format("postgres", folder),
                "%s://postgres@/postgres?host=%s" % ("postgresql+psycopg2", folder),
                dsn.replace("postgresql:", "postgresql+psycopg2:"),
                make_url(dsn).set(drivername="postgresql+psycopg2"),
                URL.create("postgresql+psycopg2", **parts),
                URL.create(**named),
            ):
                engine = create_engine(url)
                with engine.connect() as connection:
                    found.append(connection.scalar(text("select 1")))
                engine.dispose()
            return found
    """,
    "arguments": """
        from sqlalchemy import create_engine, engine_from_config, text
        from sqlalchemy.engine import make_url

        def work(dsn):
            url = make_url(dsn).set(drivername="postgresql+psycopg2")
            options = {"pool_size": 2, "executemany_mode": "values_plus_batch", "executemany_batch_page_size": 50}
            more = dict(executemany_mode="values_only", echo=False)
            config = {"sqlalchemy.url": url, "sqlalchemy.executemany_mode": "values_only"}
            engines = [
                create_engine(url, executemany_mode="values_only", client_encoding="utf8", use_native_hstore=False),
                create_engine(url, **options),
                create_engine(url, **more, connect_args={"connect_timeout": 5, "application_name": "app"}),
                engine_from_config(config, isolation_level="SERIALIZABLE"),
            ]
            found = []
            for engine in engines:
                with engine.connect() as connection:
                    found += connection.execute(text("show application_name")).all()
                    found += connection.execute(text("show transaction_isolation")).all()
                engine.dispose()
            return list(map(tuple, found))
    """,
    "dialect": """
        import sqlalchemy.dialects.postgresql.psycopg2
        from sqlalchemy import create_engine, text
        from sqlalchemy.dialects.postgresql import psycopg2
        from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2
        from sqlalchemy.engine import make_url

        class Preparer(psycopg2.PGIdentifierPreparer_psycopg2):
            pass

        def work(dsn):
            engine = create_engine(make_url(dsn).set(drivername="postgresql+psycopg2"))
            found = isinstance(engine.dialect, PGDialect_psycopg2)
            same = psycopg2.dialect is sqlalchemy.dialects.postgresql.psycopg2.dialect
            quoted = Preparer(psycopg2.dialect()).quote("Some thing")
            statement = text("select 1 where 1 = :a").compile(dialect=PGDialect_psycopg2())
            engine.dispose()
            return found, same, quoted, str(statement)
    """,
}

PROGRAM = """
from sqlalchemy import create_engine, text

def work(options):
    engine = create_engine("postgresql://" + "?" + options)
    with engine.connect() as connection:
        found = connection.scalar(text("select 42"))
    engine.dispose()
    return engine.driver, found
"""
BEFORE_21 = tuple(map(int, sqlalchemy.__version__.split(".")[:2])) < (2, 1)


def run(text: str, database: Database) -> tuple[str, int]:
    names: dict[str, object] = {}
    exec(text, names)
    return names["work"](f"host={database.folder}&port={database.port}&user={database.user}&dbname=postgres")  # type: ignore[no-any-return,operator]


def test_driver_is_named(database: Database) -> None:
    new = ImplicitUrls(CodemodContext(scratch={UNSAFE: True})).transform_module(parse_module(PROGRAM)).code
    assert run(PROGRAM, database) == ("psycopg2" if BEFORE_21 else "psycopg", 42)
    assert run(new, database) == ("psycopg", 42)


def test_scheme_that_is_refused() -> None:
    with pytest.raises(sqlalchemy.exc.NoSuchModuleError):
        sqlalchemy.create_engine("postgres://")


WHERE_THE_USER_AGREES = {
    "the driver's own objects": """
        import io
        import psycopg2
        from psycopg2.extras import execute_values
        from sqlalchemy import create_engine, event, text
        from sqlalchemy.engine import make_url

        def work(dsn):
            engine = create_engine(make_url(dsn).set(drivername="postgresql+psycopg2"))
            found = []

            @event.listens_for(engine, "connect")
            def connected(dbapi_connection, record):
                found.append(dbapi_connection.get_backend_pid() > 0)

            raw = engine.raw_connection()
            try:
                cursor = raw.cursor()
                cursor.execute("create temporary table t (a int)")
                execute_values(cursor, "insert into t values %s", [(1,), (2,)])
                cursor.copy_expert("COPY t FROM STDIN", io.StringIO("3\\n"))
                cursor.execute("select sum(a) from t")
                found.append(cursor.fetchone())
                raw.commit()
            finally:
                raw.close()
            engine.dispose()
            return found
    """,
}


@pytest.mark.parametrize("name", ENGINES)
def test_engines(database: Database, tmp_path: Path, name: str) -> None:
    same_answers(database, tmp_path, ENGINES[name])


@pytest.mark.parametrize("name", WHERE_THE_USER_AGREES)
def test_engines_where_the_user_agrees(database: Database, tmp_path: Path, name: str) -> None:
    same_answers(database, tmp_path, WHERE_THE_USER_AGREES[name], unsafe=True)
