"""Names of segments in files: read as people write them, written to be edited, kept by runs."""

import json

import polars as pl
import pytest

import gnnseg
from gnnseg.cli import main
from gnnseg.config import compose
from gnnseg.runs import durable, naming, summary
from gnnseg.runs.identity import identify
from gnnseg.runs.stored import StoredRun
from gnnseg.types import InputError


@pytest.fixture
def run(make_run):
    path, _ = make_run()
    run = StoredRun(path)
    run.folder.write_json({**run.folder.read_json(), "state": "finished"})
    durable.write(run.folder, durable.of(run))
    summary.write(path)
    return StoredRun(path)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("names.yaml", "1: Night owls\nID2: 'Bargains: all week'\n3: ''\n"),
        ("names.csv", "segment,name\n1,Night owls\n2,Bargains: all week\n3,\n"),
        ("names.csv", "\ufeffSegment;Name\r\n1;Night owls\r\n2;Bargains: all week\r\n3;\r\n"),
        ("names.csv", "id,segment,name\n,1,Night owls\nID2,,Bargains: all week\n,3,\n"),
        ("names.tsv", "number\tname\n1\tNight owls\n2\tBargains: all week\n3\t\n"),
    ],
)
def test_files_are_read_as_people_write_them(run, tmp_path, file, text):
    ids = [each.id for each in durable.of(run)]
    path = tmp_path / file
    path.write_text(text.replace("ID2", ids[1]), "utf-8")
    durable.call(run, {"3": "gone"})
    assert main(["segments", str(run.path), "--names", str(path)]) == 0
    assert [each.name for each in durable.of(run)] == ["Night owls", "Bargains: all week", None]
    assert run.frame("summary")["name"].to_list()[:2] == ["Night owls", "Bargains: all week"]
    assert run.frame("summary")["made"].to_list() == [False, False, True]


@pytest.mark.parametrize("file", ["out.yaml", "out.csv"])
def test_what_is_written_can_be_read_again(run, tmp_path, file, capsys):
    durable.call(run, {"1": "=1+1", "2": 'Müller\'s #1: a, "b"'})
    path = tmp_path / file
    assert main(["segments", str(run.path), "--names-out", str(path)]) == 0
    assert capsys.readouterr().out.strip() == str(path)
    found = naming.read(path)
    table = summary.of(run)
    assert [found.get(i, found.get(str(k))) for k, i in table.select("segment", "id").rows()] == (
        table["name"].to_list()
    )
    if file.endswith(".csv"):  # as a spreadsheet opens it
        assert path.read_bytes().startswith(b"\xef\xbb\xbf")
        assert pl.read_csv(path)["name"][0] == "'=1+1"


@pytest.mark.parametrize(
    ("file", "text", "sentence"),
    [
        ("n.yaml", "- a\n- b\n", "no names by segment"),
        ("n.yaml", "3: no\n", "put a name into quotes"),
        ("n.yaml", "3: [\n", "is no YAML"),
        ("n.yaml", "3: a\n'3': b\n", "named twice"),
        ("n.yaml", f"3: {'x' * 61}\n", "at most 60 characters"),
        ("n.yaml", "9: nobody\n", "no such segment"),
        ("n.csv", "segment,label\n1,a\n", "it needs name"),
        ("n.csv", None, "no such file"),
    ],
)
def test_what_is_no_file_of_names_is_one_sentence(run, tmp_path, file, text, sentence, capsys):
    path = tmp_path / file
    if text is not None:
        path.write_text(text, "utf-8")
    assert main(["segments", str(run.path), "--names", str(path)]) == 2
    assert sentence in capsys.readouterr().err


def test_a_run_and_its_refit_are_called_alike(run, make_run, capsys):
    path, _ = make_run(name=f"{run.name}-refit")
    refit = StoredRun(path)
    refit.folder.write_json({**refit.folder.read_json(), "state": "finished"})
    ids = durable.of(run)
    durable.write(refit.folder, [ids[1], ids[0], ids[2]])  # numbered otherwise
    summary.write(path)
    assert main(["segments", str(run.path), "--name", "1=Night owls"]) == 0
    named = {each.id: each.name for each in durable.of(StoredRun(path))}
    assert named == {ids[0].id: "Night owls", ids[1].id: ids[1].name, ids[2].id: ids[2].name}
    assert "Night owls" in StoredRun(path).frame("summary")["name"].to_list()
    assert main(["segments", str(path), "--name", "2="]) == 0
    assert durable.of(StoredRun(run.path))[0].name is None


def test_names_out_needs_an_ending(run, tmp_path):
    with pytest.raises(InputError, match=r"\.yaml or \.csv"):
        naming.write(run, tmp_path / "names.docx")


def test_names_and_currency_alter_no_identity():
    plain = compose(["data=planted"])
    named = compose(["data=planted", "segments.names=n.yaml", "data.currency=EUR"])
    assert identify(plain, "0" * 64).digest == identify(named, "0" * 64).digest
    since = [identify(config, "0" * 64, "abc").digest for config in (plain, named)]
    assert since[0] == since[1]


def test_segments_that_a_run_has_not_are_left_out_and_said(run):
    said = []
    assert naming.put(run.folder, {"2": "Owls", "seg-gone": "x"}, said.append)
    assert durable.of(run)[1].name == "Owls"
    assert "seg-gone" in said[0]
    assert not naming.put(run.folder, {"2": "Owls"}, said.append)


@pytest.mark.slow
def test_a_run_takes_names_and_currency_and_a_finished_one_too(tmp_path):
    g = [(f"u{n % 40}", f"i{n * 7 % 23}") for n in range(400)]
    user, item = zip(*dict.fromkeys(g), strict=True)
    data = gnnseg.interactions({"user": user, "item": item}, name="shop")
    small = ["head.segments=2", "trainer.max_epochs=2", f"runs.root={tmp_path}", "encoder.dim=8"]
    names = tmp_path / "names.yaml"
    names.write_text("1: Owls\n9: nobody\n")
    first = gnnseg.train(data, [*small, f"segments.names={names}"])
    assert first.groups()["name"][0] == "Owls"
    names.write_text("2: Larks\n")
    again = gnnseg.train(data, [*small, f"segments.names={names}", "data.currency=EUR"])
    assert again.path == first.path
    assert again.groups()["name"].to_list() == ["Owls", "Larks"]
    assert json.loads((again.path / "run.json").read_text())["data"]["currency"] == "EUR"
    later = gnnseg.train(
        data, [*small, f"segments.since={again.path}", "segments.refits=0"], seed=1
    )
    assert later.groups()["name"].to_list() == ["Owls", "Larks"]
    assert later.groups()["change"].null_count() == 0
    assert pl.read_parquet(later.path / "summary.parquet")["made"].to_list() == [False, False]


def test_a_currency_is_a_code():
    from gnnseg.config import check

    for wrong in ("euro", "E", "eur"):
        with pytest.raises(InputError, match="ISO 4217"):
            check(compose(["data=planted", f"data.currency={wrong}"]))
