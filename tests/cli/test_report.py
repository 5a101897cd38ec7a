"""The report verb: a run's page, with people or without, and the page of a sweep."""

import json

import polars as pl
import pytest

from gnnseg.cli import main
from gnnseg.runs import pages


def test_people_are_on_the_page_only_where_they_are_asked_for(make_run, tmp_path, capsys):
    path, _ = make_run(users=30)
    assert main(["report", str(path)]) == 0
    assert capsys.readouterr().out.strip() == str(path / "report.html")
    assert "Find a customer" not in (path / "report.html").read_text("utf-8")
    elsewhere = tmp_path / "shown.html"
    assert main(["report", str(path), "--no-people", "--out", str(elsewhere)]) == 0
    assert "Find a customer" not in elsewhere.read_text("utf-8")


def test_everybody_gets_a_list(make_run, monkeypatch):
    path, _ = make_run(users=30)
    record = json.loads((path / "run.json").read_text("utf-8"))
    record["config"]["report"] = {"people": True}
    (path / "run.json").write_text(json.dumps(record), "utf-8")
    asked = []

    def stream(run, who, k):
        asked.append((len(who), k))
        listed = {"kind": ["user"], "id": ["u3"], "rank": [1], "item": ["i9"], "score": [-2.0]}
        yield pl.DataFrame(listed)

    monkeypatch.setattr("gnnseg.runs.recommend.stream", stream)
    pages.write(path)
    assert "Find a customer" in (path / "report.html").read_text("utf-8")
    assert asked == [(30, 5)]
    assert "Find a customer" not in pages.content(path, people=False)


def test_a_sweep_has_one_page_beside_its_record(make_run, tmp_path, capsys):
    folders = [make_run(name=name)[0] for name in ("one", "two")]
    (tmp_path / ".sweeps").mkdir()
    jobs = [{"job": n, "overrides": [], "path": str(p)} for n, p in enumerate(folders)]
    record = {"name": "night", "overrides": [], "jobs": jobs}
    (tmp_path / ".sweeps" / "night.json").write_text(json.dumps(record), "utf-8")
    assert main(["report", "--sweep", "night", "--root", str(tmp_path)]) == 0
    written = tmp_path / ".sweeps" / "night.html"
    assert capsys.readouterr().out.strip() == str(written)
    assert "<bdi>night</bdi>" in written.read_text("utf-8")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "name a run, or a sweep"),
        (["RUN", "--sweep", "x"], "name a run, or a sweep"),
        (["--sweep", "x", "--people"], "shows no people"),
        (["--sweep", "x"], "no record in"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(given, said, tmp_path, capsys):
    assert main(["report", *given, "--root", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err
