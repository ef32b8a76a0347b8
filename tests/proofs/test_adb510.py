"""ADB510 implicit-driver."""

import pytest
import sqlalchemy as sa

from .support import SQLALCHEMY_21


@pytest.mark.parametrize(
    ("scheme", "before", "since"),
    [("postgresql", "psycopg2", "psycopg"), ("oracle", "cx_oracle", "oracledb")],
)
def test_default_driver(scheme: str, before: str, since: str) -> None:
    assert sa.make_url(f"{scheme}://db/app").get_dialect().driver == (since if SQLALCHEMY_21 else before)


@pytest.mark.parametrize(
    ("scheme", "driver"), [("sqlite", "pysqlite"), ("mysql", "mysqldb"), ("postgresql+psycopg", "psycopg")]
)
def test_the_same_in_all_versions(scheme: str, driver: str) -> None:
    assert sa.make_url(f"{scheme}://db/app").get_dialect().driver == driver
