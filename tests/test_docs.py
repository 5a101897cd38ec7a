"""README and docs/ tell the truth: their code runs, their commands are commands, their links lead
somewhere."""

import itertools
import re
import shlex
import sqlite3
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

from gnnseg import config
from gnnseg.cli import main
from gnnseg.runs import schema

ROOT = Path(__file__).parent.parent
PAGES = {
    str(path.relative_to(ROOT)): path.read_text("utf-8")
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/*.md"))]
}
EXTENDING = PAGES["docs/extending.md"]
SMALL = [
    "data=planted",
    "data.users=120",
    "data.items=60",
    "data.interactions=1500",
    "data.segments=4",
    "head.segments=4",
    "trainer.max_epochs=5",
]
FEW = ["trainer.max_epochs=2", "trainer.eval_every=2", "split=random", "encoder.dim=8"]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.S | re.M)


def commands(text: str) -> list[list[str]]:
    """Every command of a page's shell blocks, as words without its comment."""
    lines = "\n".join(blocks(text, "sh")).replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def trainings(text: str) -> list[list[str]]:
    """What follows ``gnnseg train`` in a page, and the settings behind ``gnnseg choose-k``."""
    choosing = [
        [word for word in words[2:] if re.match(r"[\w.]+=", word)]
        for words in commands(text)
        if words[:2] == ["gnnseg", "choose-k"]
    ]
    return choosing + [words[2:] for words in commands(text) if words[:2] == ["gnnseg", "train"]]


def on_own_files(text: str) -> list[list[str]]:
    """What follows ``gnnseg``, of commands that read a user's own files to train or describe."""
    found = [words[1:] for words in commands(text) if words[0] == "gnnseg"]
    return [w for w in found if w[0] in ("train", "data") and any(map(is_own, w))]


def is_own(word: str) -> bool:
    return word.endswith((".csv", "orders.yaml")) or word == "--sql"


def choices(words: list[str]) -> list[list[str]]:
    """The settings of each run of a sweep; of one run its own."""
    settings = [word for word in words if not word.startswith(("-", "hydra/", "hydra."))]
    if "-m" not in words:
        return [settings]
    swept = [
        [f"{key}={value}" for value in re.sub(r"^\w+\((.*)\)$", r"\1", values).split(",")]
        for key, values in (word.split("=", 1) for word in settings)
    ]
    return [list(run) for run in itertools.product(*swept)]


PLAIN = [
    pytest.param(words, id=" ".join(words) or "the main job")
    for words in sorted({tuple(w) for text in PAGES.values() for w in trainings(text)})
    if "--config-dir" not in words and not any(map(is_own, words))
]
READING = [
    pytest.param(words, id=" ".join(words))
    for words in sorted(
        {
            tuple(words)
            for text in PAGES.values()
            for words in commands(text)
            if words[0] == "gnnseg"
            and words[1] not in ("train", "data", "choose-k", "table", "tune")
        }
    )
    if "--config-dir" not in words
]


def tables(folder: Path) -> None:
    """The files that the pages' commands name."""
    draw = np.random.default_rng(0)
    customer = draw.integers(0, 40, 600)
    product = customer % 2 * 15 + draw.integers(0, 17, 600)
    orders = pl.DataFrame(
        {
            "customer": [f"C{c:03}" for c in customer],
            "sku": [f"P{p:02}" for p in product],
            "ts": [f"2025-01-{1 + n % 28:02}" for n in range(600)],
            "qty": draw.integers(1, 4, 600),
        }
    )
    with sqlite3.connect(folder / "shop.db") as database:
        database.execute("create table orders (customer text, sku text, ts text)")
        rows = orders.select("customer", "sku", "ts").rows()
        database.executemany("insert into orders values (?, ?, ?)", rows)
    database.close()
    orders.write_csv(folder / "orders.csv")
    german = {"customer": "Kunden Nr", "ts": "Datum", "qty": "Menge"}
    orders.rename(german).write_csv(folder / "bestellungen.csv")
    brands = [f"brand {n % 4}" for n in range(32)]
    made_by = pl.DataFrame({"item": [f"P{n:02}" for n in range(32)], "brand": brands})
    made_by.write_csv(folder / "made_by.csv")
    shown = pl.DataFrame(
        {
            "user": [f"C{n % 40:03}" for n in range(800)],
            "item": [f"P{p:02}" for p in draw.integers(0, 32, 800)],
            "propensity": [1 / 32] * 800,
            "reward": draw.integers(0, 2, 800),
        }
    )
    shown.write_csv(folder / "shown.csv")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tables(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A small run's folder, by a command; with evidence, whichever command asks it first."""
    root = tmp_path_factory.mktemp("docs")
    beside = ["encoder.attributes=beside", "data.homophily=0.8", "encoder.social=0.5"]
    settings = [*SMALL, *beside, "evidence.refits=1", f"runs.root={root}", "sweep.name=NAME"]
    assert main(["train", "-m", *settings]) == 0
    (path,) = (path for path in root.iterdir() if not path.name.startswith("."))
    return path


@pytest.mark.parametrize("page", PAGES)
def test_lines_are_short_and_links_lead_somewhere(page: str) -> None:
    lines = PAGES[page].splitlines()
    table = schema.markdown().splitlines()  # a row of a table is one line
    assert [line for line in lines if len(line) > 120 and line not in table] == []
    for target in re.findall(r"\]\(([^)#]+)\)", PAGES[page]):
        assert (ROOT / page).parent.joinpath(target).exists(), target


def test_readme_is_short_and_its_picture_is_small() -> None:
    assert len(PAGES["README.md"].splitlines()) <= 140
    assert (ROOT / "docs" / "images" / "report.png").stat().st_size < 300_000


def test_readme_leads_to_every_page() -> None:
    linked = set(re.findall(r"\]\((docs/[^)]+\.md)\)", PAGES["README.md"]))
    assert linked == {page for page in PAGES if page.startswith("docs/")}


def test_the_table_of_files_is_the_schema() -> None:
    assert schema.markdown() in PAGES["docs/run-folder.md"]


@pytest.mark.parametrize("page", PAGES)
def test_scripts_and_experiments_that_are_named_are_there(page: str) -> None:
    named = re.findall(r"\b(?:experiments|scripts|tests|gnnseg|conf)/[\w./-]*\w", PAGES[page])
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("words", PLAIN)
@pytest.mark.slow
def test_what_is_typed_is_composed_and_allowed(words: tuple[str, ...]) -> None:
    for settings in choices(list(words)):
        config.check(config.compose(settings))


TUNING = sorted(
    {tuple(w[2:]) for text in PAGES.values() for w in commands(text) if w[:2] == ["gnnseg", "tune"]}
)


@pytest.mark.parametrize("words", TUNING)
def test_what_is_searched_is_a_space(words: tuple[str, ...]) -> None:
    from gnnseg.cli import tune
    from gnnseg.runs import command
    from gnnseg.runs.tuning.search import TuneSettings

    mine, settings = tune._sorted(words)
    found = command.tune(settings, TuneSettings(trials=mine.trials), command="", say=print)
    assert found.space.values


@pytest.mark.parametrize("words", READING)
@pytest.mark.slow
def test_what_reads_a_run_answers(words, run, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    pl.DataFrame({"user": ["x", "y"], "item": ["3", "5"]}).write_csv("new.csv")
    pl.DataFrame({"user": ["x", "y"], "age": [3.0, 4.0]}).write_csv("people.csv")
    pl.DataFrame({"user": ["x"], "friend": ["7"]}).write_csv("ties.csv")
    pl.DataFrame({"user": ["7"]}).write_csv("optout.csv")
    wine = pl.when(pl.col("item").cast(pl.Int64) % 5 == 0).then(pl.lit("WINE"))
    items = pl.read_parquet(run / "items.parquet")  # planted items have no attributes
    items.with_columns(category=wine).write_parquet(run / "items.parquet")
    log = {"user": ["1", "2"], "item": ["3", "4"], "propensity": [0.1, 0.2], "reward": [1, 0]}
    pl.DataFrame(log).write_csv("other.csv")
    Path("names.yaml").write_text("1: Night owls\n")
    typed = [str(run) if word in ("RUN", "OLD") else word for word in words[1:]]
    if "--sweep" in typed:
        typed += ["--root", str(run.parent)]
    assert main(typed) == 0
    assert capsys.readouterr().out.strip() or (tmp_path / typed[-1]).exists()


@pytest.mark.parametrize("page", ["README.md", "docs/python.md"])
def test_python_of_a_page_runs(page, here, capsys) -> None:
    for code in blocks(PAGES[page], "python"):
        short = code.replace('"head.segments=16"', '"head.segments=16", "trainer.max_epochs=3"')
        exec(compile(short, page, "exec"), {"__name__": "example"})
        assert capsys.readouterr().out.startswith(str(here / "runs" / "table-lightgcn-segments-"))


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if on_own_files(PAGES[page])])
def test_commands_on_files_of_ones_own_run(page, here, capsys) -> None:
    for words in on_own_files(PAGES[page]):
        if "Kunden Nr" in words:
            words = [word.replace("orders.csv", "bestellungen.csv") for word in words]
        words = [word.replace("orders.yaml", "bestellungen.yaml") for word in words]
        assert main([*words, *(FEW if words[0] == "train" else [])]) == 0, words
        said = capsys.readouterr().out
        assert Path(said.split()[0]).is_dir() if words[0] == "train" else said.strip()


def test_yaml_that_is_no_file_of_ones_own_can_be_read() -> None:
    (sweep,) = blocks(PAGES["docs/dashboards.md"], "yaml")
    assert yaml.safe_load(sweep)["command"][:2] == ["gnnseg", "train"]


def files(text: str) -> dict[str, str]:
    """The files of a page: a block under its name."""
    found = re.findall(r"^`(\S+)`:\n\n```(?:python|yaml)\n(.*?)^```$", text, re.S | re.M)
    assert found
    return dict(found)


@pytest.mark.slow
def test_the_declared_table_of_a_page_is_run_and_holds(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    page = PAGES["docs/tables.md"]
    for name, text in files(page).items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text, "utf-8")
    for words in commands(page):
        assert main([*words[1:], "--root", str(tmp_path / "runs")]) == 0, capsys.readouterr().err
    written = {path.name for path in (tmp_path / "my-table").iterdir()}
    said = page.partition("Beside `table.yaml`")[2].partition("is the table.")[0]
    assert written == {"table.yaml", *re.findall(r"`(\w+\.\w+)`", said)}
    assert r"LightGCN \& segments" in (tmp_path / "my-table" / "table.tex").read_text("utf-8")


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A folder with everything that docs/extending.md writes into it."""
    folder = tmp_path_factory.mktemp("lab")
    for name, code in files(EXTENDING).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(code, "utf-8")
    (folder / "mylab" / "__init__.py").touch()
    return folder


OWN = [words for words in commands(EXTENDING) if "--config-dir" in words]


@pytest.mark.slow
@pytest.mark.parametrize("words", [pytest.param(words, id=" ".join(words[4:])) for words in OWN])
def test_a_part_of_ones_own_runs(words, lab, monkeypatch, capsys) -> None:
    monkeypatch.chdir(lab)
    monkeypatch.setattr(sys, "path", [str(lab), *sys.path])
    own_data, own_head = "data=shop" in words, any(word.startswith("head=") for word in words)
    small = [word for word in SMALL if not (own_head and "head." in word)]
    small = [word for word in small if not (own_data and word.startswith(("data", "head")))]
    fitted = any(word.startswith("baseline=") for word in words)
    if fitted:
        small = [word for word in small if word.startswith(("data", "runs", "threads", "device"))]
    assert main([*words[1:], *small]) == 0
    path = capsys.readouterr().out.strip()
    assert schema.check(Path(path)) == []
    if not (own_head or fitted):  # of heads of ours: new users too
        pl.DataFrame({"user": ["x", "x"], "item": ["3", "5"]}).write_csv("new.csv")
        assert main(["assign", path, "new.csv"]) == 0
        assert "x" in capsys.readouterr().out
    for name in [name for name in sys.modules if name.split(".")[0] == "mylab"]:
        monkeypatch.delitem(sys.modules, name)
