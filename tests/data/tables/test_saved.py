"""Plain arguments: any name a file or a column may have, never read by Hydra; the YAML they leave;
what is refused."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

from gnnseg import config
from gnnseg.cli import main
from gnnseg.data.tables import saved
from gnnseg.types import InputError

SMALL = [
    "head.segments=3",
    "encoder.dim=8",
    "trainer.max_epochs=3",
    "trainer.eval_every=3",
    "split=random",
]
NAMES = [
    "orders.csv", "my orders.csv", "orders [1].csv", "orders (copy).csv", "a,b.csv", "a=b.csv",
    "data=c.csv", "#1.csv", "${HOME}.csv",
    "订单.csv", "заказы.csv", "it's.csv", 'say "x".csv', "-m.csv", "~orders.csv", "a\\b.csv",
    "a:b@c.csv", "null", "{x}.csv", "%41.csv",
]  # fmt: skip
COLUMNS = [
    "user id",
    "user[0]",
    "user,name",
    "user=1",
    "#user",
    "用户",
    "--user",
    "${user}",
    "null",
    "yes",
    "1",
    "a: b",
    "it's",
    "~",
    "\\${x}",
]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path, user="user", item="item", rows=600):
    draw = np.random.default_rng(0)
    u = draw.integers(0, 40, rows)
    frame = pl.DataFrame(
        {
            user: [f"u{x}" for x in u],
            item: [
                f"i{(x % 3) * 8 + y}" for x, y in zip(u, draw.integers(0, 12, rows), strict=True)
            ],
        }
    )
    frame.write_csv(path)


def composed(arguments, cache):
    found = saved.resolve(arguments, cache, say=lambda line: None)
    return config.compose(found.arguments, found.folders)["data"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.slow
def test_any_name_of_a_file(here, name):
    write(Path(name))
    typed = name if not name.startswith(("-", "~")) else f"./{name}"
    data = composed([typed, "--user", "user", "--item", "item", "seed=3"], here / "cache")
    assert Path(data["path"]) == here / name
    (saved,) = here.glob("*.yaml")
    assert saved.name.isascii()
    assert composed([f"data=./{saved.name}"], here / "cache") == data


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.slow
def test_any_name_of_a_column(here, name):
    write(Path("orders.csv"), user=name)
    for typed in (["--user", name], [f"--user={name}"]):
        data = composed(["orders.csv", *typed, "--item", "item"], here / "cache")
        assert data["user"] == name
    assert composed(["data=./orders.yaml"], here / "cache")["user"] == name


@pytest.mark.parametrize(
    ("name", "column"), [("my orders [1], a=b #2.csv", "用户 #1"), ("订单.csv", "user,name=[x]")]
)
def test_a_strange_name_trains(here, capsys, name, column):
    write(Path(name), user=column)
    typed = ["train", name, "--user", column, "--item", "item", *SMALL, "cache.root=cache"]
    assert main(typed) == 0
    path = Path(capsys.readouterr().out.strip())
    assert json.loads((path / "run.json").read_text("utf-8"))["config"]["data"]["user"] == column
    assert path.name.isascii()
    assert main(typed) == 0  # the same command finds the same run
    assert capsys.readouterr().out.strip() == str(path)


@pytest.mark.slow
def test_the_saved_yaml_serves_a_sweep(here, capsys):
    write(Path("orders.csv"))
    assert (
        main(
            ["train", "orders.csv", "--user", "user", "--item", "item", *SMALL, "cache.root=cache"]
        )
        == 0
    )
    first = capsys.readouterr().out.strip()
    assert main(["train", "-m", "data=./orders.yaml", "seed=0,1", *SMALL, "cache.root=cache"]) == 0
    paths = capsys.readouterr().out.split()
    assert len(paths) == 2
    assert paths[0] == first


def test_paths_are_meant_from_where_the_yaml_is(here, monkeypatch):
    (here / "shop").mkdir()
    monkeypatch.chdir(here / "shop")
    write(Path("orders.csv"))
    pl.DataFrame({"id": ["i1"], "name": ["Tea"]}).write_csv("items.csv")
    composed(["orders.csv", "--items", "items.csv", "--item-title", "name"], here / "cache")
    assert yaml.safe_load(Path("orders.yaml").read_text("utf-8"))["data"]["path"] == "orders.csv"
    monkeypatch.chdir(here)
    data = composed(["data=shop/orders.yaml"], here / "cache")
    assert (data["path"], data["items"]) == (
        str(here / "shop/orders.csv"),
        str(here / "shop/items.csv"),
    )
    assert data["item_title"] == "name"
    relation = {
        "name": "made by",
        "source_kind": "item",
        "target_kind": "brand",
        "path": "brands.csv",
    }
    saved = yaml.safe_load((here / "shop/orders.yaml").read_text("utf-8"))
    saved["data"]["relations"] = [relation]
    (here / "shop/more.yaml").write_text(yaml.safe_dump(saved), "utf-8")
    assert composed(["data=shop/more.yaml"], here / "cache")["relations"] == [
        {**relation, "path": str(here / "shop/brands.csv")}
    ]


def test_what_a_file_holds_is_told_and_python_finds_it_by_its_yaml(here, capsys):
    import gnnseg

    write("orders.csv")
    assert (
        main(["data", "stats", "orders.csv", "--user", "user", "--item", "item", "split=random"])
        == 0
    )
    told = capsys.readouterr().out
    assert "40 users, 28 items, 600 events" in told
    assert main(["data", "stats", "data=./orders.yaml", "split=random"]) == 0
    assert capsys.readouterr().out == told
    run = gnnseg.train("./orders.yaml", SMALL)
    assert run.record["data"]["users"] == 40


def test_several_files_and_patterns(here):
    for month in ("01", "02"):
        write(Path(f"orders-{month}.csv"))
    data = composed(["orders-01.csv", "orders-02.csv", "--user", "user"], here / "cache")
    assert data["path"] == [str(here / "orders-01.csv"), str(here / "orders-02.csv")]
    data = composed(["orders-*.csv", "--user", "user"], here / "cache")
    assert data["path"] == str(here / "orders-*.csv")


def test_a_sweep_over_several_files(here):
    for name in ("one.csv", "two.csv"):
        write(Path(name))
        composed([name, "--user", "user"], here / "cache")
    found = saved.resolve(
        ["-m", "data=./one.yaml,./two.yaml"], here / "cache", say=lambda line: None
    )
    assert found.arguments == ["-m", "data=one,two"]
    paths = [
        config.compose([f"data={name}"], found.folders)["data"]["path"] for name in ("one", "two")
    ]
    assert paths == [str(here / "one.csv"), str(here / "two.csv")]


def test_what_stands_there_is_never_written_over(here):
    write(Path("orders.csv"))
    Path("orders.yaml").write_text("mine: 1\n")
    composed(["orders.csv", "--user", "user"], here / "cache")
    assert Path("orders.yaml").read_text() == "mine: 1\n"
    assert len(list(here.glob("orders-*.yaml"))) == 1
    composed(["orders.csv", "--user", "user"], here / "cache")
    assert len(list(here.glob("*.yaml"))) == 2


def test_a_file_that_cannot_be_read_leaves_no_yaml(here, capsys):
    Path("orders.csv").write_text("user,item\na,x\nb\n")
    assert main(["train", "orders.csv", "cache.root=cache"]) == 2
    said = capsys.readouterr().err
    assert "line 3" in said
    assert "orders.yaml is taken away again" in said
    assert not list(here.glob("*.yaml"))


def test_a_password_is_never_written(here, monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "")
    address = "postgresql://anna:s%40crt@localhost:5432/shop"
    data = composed(["--sql", "select 1", "--connect", address], here / "cache")
    assert data["connect"] == "postgresql://anna@localhost:5432/shop"
    assert __import__("os").environ["PGPASSWORD"] == "s@crt"
    for path in here.rglob("*"):
        assert not path.is_file() or "crt" not in path.read_text("utf-8").replace("script", "")


REFUSED = [
    (["nowhere.csv"], "nowhere.csv: no such file"),
    (["nowhere-*.csv"], "nowhere-*.csv: no such file"),
    (["--user", "customer"], "--user: says how to read a file; name the file too"),
    (["orders.csv", "--user"], "--user: a value is missing"),
    (["orders.csv", "--usr", "user"], "--usr: no such option; did you mean --user?"),
    (["--no-such-thing"], "--no-such-thing: no such option; see gnnseg train --help"),
    (["data=./a/mine.yaml,./b/mine.yaml"], "two are called mine.yaml"),
    (["data=./a/mine.yaml,./none.yaml"], "none.yaml: no such file"),
    (["orders.csv", "--k-core", "many"], "--k-core: invalid int value: 'many'"),
    (["orders.csv", "data=ml-1m"], "data=ml-1m: orders.csv is named too; give one of the two"),
    (["orders.csv", "--sql", "select 1"], "a file is named too"),
    (["--sql", "select 1"], "where is the database?"),
    (["--connect", "sqlite:///shop.db"], "what to read from the database?"),
    (["data=./none.yaml"], "data=./none.yaml: no such file"),
    (["data=./broken.yaml"], "broken.yaml: is no configuration of data"),
    (["data=./empty.yaml"], "empty.yaml: is no configuration of data"),
]


@pytest.mark.parametrize(("arguments", "words"), REFUSED)
@pytest.mark.slow
def test_mistakes_are_one_sentence(here, arguments, words):
    write(Path("orders.csv"))
    Path("broken.yaml").write_text("data: [1\n")
    Path("empty.yaml").write_text("")
    for folder in ("a", "b"):
        Path(folder).mkdir()
        Path(folder, "mine.yaml").write_text("data: {path: orders.csv}\n")
    with pytest.raises(InputError) as caught:
        composed(arguments, here / "cache")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (here / "orders.yaml").exists()


def test_a_question_is_asked_in_the_words_it_can_be_answered_in(here, capsys):
    Path("orders.csv").write_text("user,item,date\na,x,03/04/2025\nb,y,05/06/2025\n")
    assert main(["train", "orders.csv", "cache.root=cache"]) == 2
    assert "may be 2025-04-03 (--dates dmy) or 2025-03-04 (--dates mdy)" in capsys.readouterr().err
    assert main(["train", "data=file", "data.path=orders.csv", "cache.root=cache"]) == 2
    assert "(data.dates=dmy)" in capsys.readouterr().err
    assert main(["data", "check", "orders.csv"]) == 2
    assert "(--dates dmy)" in capsys.readouterr().err


@pytest.mark.parametrize(
    "override",
    [
        "data.path=my file (1).csv",
        "data.path=a,b.csv",
        "data.user=用户 #1",
        "data.user={x",
        "data.user=[a",
    ],
)
def test_a_syntax_error_is_answered_with_a_form_that_works(here, override, capsys):
    import re
    import shlex

    assert main(["train", "data=file", override]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    quoted = re.search(r"as in (.*)\.$", said)
    assert quoted is not None, said
    (word,) = shlex.split(quoted[1])
    key, _, value = override.partition("=")
    assert config.compose(["data=file", word])["data"][key.removeprefix("data.")] == value


# --- the reading
# ------------------------------------------------------------------------------------------------


def train(capsys, *words):
    assert main(["train", *words, *SMALL, "cache.root=cache"]) == 0
    return Path(capsys.readouterr().out.strip())


def german(rows=range(600), days=range(1, 29)):
    head = "Kunde;Artikel;Menge;Datum\n"
    days = list(days)
    return head + "".join(
        f"k{n % 40};a{n % 3 * 8 + n % 7};1,{n % 4};{days[n % len(days)]:02d}.02.2024\n"
        for n in rows
    )


def test_the_saved_yaml_holds_the_whole_reading(here, capsys):
    Path("orders.csv").write_text(german(), "utf-8")
    first = train(capsys, "orders.csv")
    reading = yaml.safe_load(Path("orders.yaml").read_text("utf-8"))["data"]["reading"]
    assert reading == {
        "separator": "semicolon", "encoding": "utf-8", "header": "first", "user": "Kunde",
        "item": "Artikel", "weight": "Menge", "time": "Datum", "spend": "", "decimal": "comma",
        "dates": "dmy",
    }  # fmt: skip
    before = Path("orders.yaml").read_text("utf-8")
    assert train(capsys, "data=./orders.yaml") == first  # how it is read is no part of a run
    assert train(capsys, "orders.csv") == first
    assert Path("orders.yaml").read_text("utf-8") == before
    assert len(list(here.glob("*.yaml"))) == 1


def test_next_weeks_file_is_read_as_this_weeks(here, capsys):
    """Days that leave their order open, whole numbers, a further column of a usual name."""
    Path("orders.csv").write_text(german(), "utf-8")
    train(capsys, "orders.csv")
    lines = german(days=range(1, 12)).replace(",", ".00").splitlines()
    lines = [line + (";amount" if n == 0 else ";1.234") for n, line in enumerate(lines)]
    Path("orders.csv").write_text("\n".join(lines), "utf-8")
    assert main(["train", "orders.csv", *SMALL, "cache.root=cache"]) == 2  # typed anew: detected
    assert "--d" in capsys.readouterr().err
    run = train(capsys, "data=./orders.yaml")
    notes = json.loads((run / "run.json").read_text("utf-8"))["data"]["notes"]["read"][0]
    assert "2024-02-01 to 2024-02-11" in notes
    assert "spend" not in notes


def test_what_is_told_comes_before_the_reading(here, capsys):
    Path("orders.csv").write_text(german(), "utf-8")
    train(capsys, "orders.csv")
    run = train(capsys, "data=./orders.yaml", "data.weight=''")
    notes = json.loads((run / "run.json").read_text("utf-8"))["data"]["notes"]["read"][0]
    assert "weight" not in notes
    text = Path("orders.yaml").read_text("utf-8").replace("separator:", "sperator:")
    Path("orders.yaml").write_text(text, "utf-8")
    assert main(["train", "data=./orders.yaml", *SMALL, "cache.root=cache"]) == 2
    assert "data.reading: holds what is no setting" in capsys.readouterr().err


def test_a_given_split_is_typed_as_files(here):
    for name in ("train", "valid", "test"):
        write(Path(f"{name}.csv"))
    data = composed(["train.csv", "--valid", "valid.csv", "--test", "test.csv"], here / "cache")
    assert data["path"] is None
    assert [data[part] for part in ("train", "valid", "test")] == [
        str(here / f"{part}.csv") for part in ("train", "valid", "test")
    ]
    for words, why in (
        (["train.csv", "--valid", "valid.csv"], "add --test"),
        (["train.csv", "more.csv", "--valid", "valid.csv", "--test", "test.csv"], "name one FILE"),
    ):
        write(Path("more.csv"))
        with pytest.raises(InputError, match=why):
            composed(words, here / "cache")
