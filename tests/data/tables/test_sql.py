"""Interactions out of real databases: SQLite, and a PostgreSQL server started here where one is
installed."""

import datetime
import os
import shutil
import socket
import sqlite3
import subprocess
from pathlib import Path

import polars as pl
import pytest

from gnnseg.cli import main
from gnnseg.data.tables import sql
from gnnseg.types import InputError

SMALL = [
    "head.segments=2",
    "encoder.dim=4",
    "trainer.max_epochs=2",
    "trainer.eval_every=2",
    "split=random",
    "cache.root=cache",
]
ROWS = [
    (f"kunde {u}", f"art'{(u * 7 + n) % 11}", (n % 3) + 1, f"2024-0{1 + n % 9}-1{u % 9}", 2.5)
    for u in range(12)
    for n in range(8)
]
QUERY = 'select who, what as item, qty as "how many", day from sales where qty < 4'
TYPED = ["--user", "who", "--weight", "how many", "--time", "day"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def shop(here):
    with sqlite3.connect("shop.db") as database:
        database.execute(
            "create table sales (who text, what text, qty integer, day text, price real)"
        )
        database.executemany("insert into sales values (?, ?, ?, ?, ?)", ROWS)
    database.close()
    return here / "shop.db"


def test_sqlite_trains_by_one_command(shop, capsys):
    typed = ["train", "--sql", QUERY, "--connect", "sqlite:///shop.db", *TYPED, *SMALL]
    assert main(typed) == 0
    path = capsys.readouterr().out.strip()
    assert main(["train", "data=./my-sql.yaml", *SMALL]) == 0
    assert capsys.readouterr().out.strip() == path
    assert main(["segments", path]) == 0


def test_the_database_is_only_read(shop):
    before = shop.read_bytes()
    with pytest.raises(InputError, match="readonly"):
        sql.read("delete from sales", "sqlite:///shop.db")
    assert shop.read_bytes() == before


REFUSED = [
    ("select * from elsewhere", "sqlite:///shop.db", "no such table: elsewhere"),
    ("selec who from sales", "sqlite:///shop.db", "syntax error"),
    ("select who, what from sales where qty > 99", "sqlite:///shop.db", "answers no rows"),
    ("select who, who from sales", "sqlite:///shop.db", "two columns of one name"),
    ("select 1; select 2", "sqlite:///shop.db", "one statement"),
    ("select 1", "sqlite:///none.db", "no such file"),
    ("select 1", "sqlite://shop.db", "write sqlite:///shop.db"),
    ("select 1", "mysql://localhost/shop", "give sqlite:///FILE or postgresql"),
    ("select * from sales", "sqlite:///junk.db", "not a database"),
]


@pytest.mark.parametrize(("query", "connect", "words"), REFUSED)
@pytest.mark.slow
def test_mistakes_are_one_sentence(shop, query, connect, words):
    Path("junk.db").write_bytes(b"junk" * 1000)
    with pytest.raises(InputError) as caught:
        sql.read(query, connect)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_column_that_is_not_there_is_named(shop, capsys):
    assert (
        main(["train", "--sql", QUERY, "--connect", "sqlite:///shop.db", "--user", "whom", *SMALL])
        == 2
    )
    assert "no column 'whom' for --user; did you mean 'who'?" in capsys.readouterr().err


@pytest.fixture
def postgres(here):
    """A server of our own in a folder of our own, gone afterwards."""
    tools = {
        name: shutil.which(name) or _debian(name)
        for name in ("initdb", "pg_ctl", "psql", "postgres")
    }
    if not all(tools.values()):
        pytest.skip(
            f"no PostgreSQL here ({', '.join(name for name, path in tools.items() if not path)} "
            "not found)"
        )
    pytest.importorskip("adbc_driver_postgresql")
    folder, log = here / "pg", here / "pg.log"
    as_user: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL will not run as root
        if (
            shutil.which("runuser") is None
            or subprocess.run(["id", "postgres"], capture_output=True, check=False).returncode
        ):
            pytest.skip(
                "PostgreSQL does not run as root, and there is no user postgres to run it as"
            )
        folder = Path("/tmp") / f"gnnseg-pg-{os.getpid()}"
        folder.mkdir()
        shutil.chown(folder, "postgres")
        log = folder / "log"
        as_user = ["runuser", "-u", "postgres", "--"]
        folder = folder / "data"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def tool(name, *arguments):
        done = subprocess.run(
            [*as_user, tools[name], *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, f"{name}: {done.stdout} {done.stderr}"

    tool("initdb", "-D", str(folder), "-U", "anna", "--auth=trust", "-E", "UTF8", "--locale=C")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    subprocess.run(
        [
            *as_user,
            tools["pg_ctl"],
            "-D",
            str(folder),
            "-o",
            options,
            "-l",
            str(log),
            "-w",
            "start",
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield f"postgresql://anna@127.0.0.1:{port}/postgres"
    finally:
        tool("pg_ctl", "-D", str(folder), "-m", "immediate", "stop")
        if as_user:
            shutil.rmtree(folder.parent)


def _debian(name):
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else None


@pytest.mark.slow
def test_postgresql_gives_what_sqlite_gives(shop, postgres, capsys):
    import adbc_driver_postgresql.dbapi as driver

    with driver.connect(postgres) as database, database.cursor() as cursor:
        cursor.execute(
            "create table sales (who text, what text, qty numeric(8, 2), day date, price double "
            "precision)"
        )
        cursor.executemany(
            "insert into sales values "
            "($1, $2, cast($3 as text)::numeric, cast($4 as text)::date, $5)",
            [(a, b, str(c), d, e) for a, b, c, d, e in ROWS],
        )
        database.commit()
    folders = []
    for connect in (postgres, "sqlite:///shop.db"):
        assert main(["train", "--sql", QUERY, "--connect", connect, *TYPED, *SMALL]) == 0
        folders.append(Path(capsys.readouterr().out.strip()))
    first, second = ((folder / "segments.parquet").read_bytes() for folder in folders)
    assert first == second
    with pytest.raises(InputError, match=r"elsewhere.*does not exist"):
        sql.read("select * from elsewhere", postgres)
    with pytest.raises(InputError, match="check data.query and data.connect"):
        sql.read("select 1", postgres.replace("anna", "nobody"))


def test_baskets_and_order_lines_of_a_database(tmp_path):
    import sqlite3
    from contextlib import closing

    from gnnseg.data.sets.fetching import Place
    from gnnseg.data.tables.readers import SqlReader

    with closing(sqlite3.connect(tmp_path / "shop.db")) as database:
        database.execute("create table o (id, customer, sku)")
        rows = [(1, "a", "x|y"), (1, "a", "x|y"), (2, "b", "y")]
        database.executemany("insert into o values (?, ?, ?)", rows)
        database.commit()
    told = {"query": "select * from o", "connect": f"sqlite:///{tmp_path / 'shop.db'}"}
    reader = SqlReader(**told, basket="bar", unique="id")
    events = reader.read(Place(tmp_path, tmp_path, lambda _: None), "t").events
    assert events.rows() == [("a", "x"), ("a", "y"), ("b", "y")]


@pytest.mark.slow
def test_postgresql_takes_a_table_whole_or_keeps_the_old_one(postgres):
    import adbc_driver_postgresql.dbapi as driver

    from gnnseg.runs import databases

    def ask(*queries):
        with driver.connect(postgres) as database, database.cursor() as cursor:
            for query in queries:
                cursor.execute(query)
            found = cursor.fetchall() if queries[-1].startswith("select") else []
            database.commit()
            return found

    days = pl.Series([datetime.date(2026, 11, 20)] * 2)
    first = pl.DataFrame({"user": ["01", "02"], "segment": [1, None], "as_of": days})
    assert databases.write(first, postgres, "members").endswith("/postgres, table members")
    ask("create view placed as select * from members where segment is not null")
    second = first.with_columns(segment=pl.lit(2, dtype=pl.Int64))
    databases.write(second, postgres, "members")  # the view of it stays
    assert ask('select "user", segment, as_of from placed order by 1') == [
        ("01", 2, days[0]),
        ("02", 2, days[0]),
    ]
    ask("alter table members add constraint small check (segment < 3)")
    with pytest.raises(InputError, match="nothing was written"):
        databases.write(second.with_columns(segment=pl.Series([3, 3])), postgres, "members")
    assert ask("select count(*) from placed") == [(2,)]
    ask("drop view placed")
    databases.write(second.with_columns(spend=pl.lit(1.5)), postgres, "members")
    assert ask("select sum(spend) from members") == [(3.0,)]
    ask("create table people (id text, name text)")
    with pytest.raises(InputError, match=r"stands there with other columns \(id, name\)"):
        databases.write(first, postgres, "people")
    with pytest.raises(InputError, match="nothing was written") as refused:
        databases.write(first, postgres.replace("anna@", "nobody:secret@"), "members")
    assert "secret" not in str(refused.value)
