import base64
import hashlib
import json
import subprocess
import sys
from html.parser import HTMLParser

import polars as pl
import pytest

from gnnseg.report import page, tables
from gnnseg.types import InputError

KINDS = ["distribution", "membership", "affinity", "hybrid", "dot"]
VOID = {"meta", "circle", "line", "path", "rect", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """The elements of a page, their attributes and texts; elements must be closed in order."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts, self.open = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, text):
        self.texts.append(text)

    @property
    def text(self):
        return " ".join(self.texts)


def render(make_run, kind="distribution", change=None, people=True, **sizes):
    path, _ = make_run(kind, **sizes)
    if change is not None:
        record = json.loads((path / "run.json").read_text("utf-8"))
        change(record)
        (path / "run.json").write_text(json.dumps(record), "utf-8")
    text = page.render(path, people)
    return Page(text), text


@pytest.mark.parametrize("kind", KINDS)
def test_one_static_file_without_network(make_run, kind):
    """One script of ours, and nothing that a browser would fetch: links lead within the page."""
    parsed, text = render(make_run, kind)
    ids = {attributes["id"] for _, attributes in parsed.elements if "id" in attributes}
    for tag, attributes in parsed.elements:
        assert tag not in {
            "link",
            "img",
            "iframe",
            "object",
            "embed",
            "base",
            "form",
            "image",
            "use",
        }
        for name, value in attributes.items():
            assert name not in {"src", "srcset", "data", "action", "background", "xlink:href"}
            assert not name.startswith("on")
            if name == "href":
                assert value.startswith("#")
                assert value[1:] in ids
    assert "http:" not in text
    assert "https:" not in text
    assert "url(" not in text
    assert "@import" not in text
    assert "default-src 'none'" in text
    assert text.count("script-src") == 1
    digest = hashlib.sha256(text.split("<script>")[1].split("</script>")[0].encode()).digest()
    assert f"script-src 'sha256-{base64.b64encode(digest).decode()}'" in text
    scripts = [a for tag, a in parsed.elements if tag == "script"]
    assert [a.get("type") for a in scripts] in ([None], ["application/gzip", None])


@pytest.mark.parametrize("kind", KINDS)
def test_names_are_escaped(make_run, kind):
    parsed, text = render(make_run, kind)
    assert text.count("<script") == (2 if kind != "dot" else 1)  # ours
    if kind != "dot":
        assert "<script>" in parsed.text  # as it is named, to be read
        assert "&lt;script&gt;" in text


def test_everything_from_the_data_is_escaped(make_run):
    path, _ = make_run()
    evil = "\"'><img src=x onerror=alert(1)>"
    for name in ("cards", "examples", "recommendations", "segments"):
        frame = pl.read_parquet(path / f"{name}.parquet")
        texts = [
            column
            for column, kind in frame.schema.items()
            if kind == pl.String and column != "kind"
        ]
        frame.with_columns(pl.lit(evil).alias(column) for column in texts).write_parquet(
            path / f"{name}.parquet"
        )
    record = json.loads((path / "run.json").read_text("utf-8"))

    def poison(value):
        if isinstance(value, dict):
            return {key: poison(v) for key, v in value.items()}
        return (
            [poison(v) for v in value]
            if isinstance(value, list)
            else evil
            if isinstance(value, str)
            else value
        )

    record = poison(record) | {"alarms": [evil], "protocol": evil, "state": evil}
    record["baselines"] = {evil: {"test/ndcg@20": 0.1}}
    record["data"]["notes"] = {evil: {evil: [evil]}}
    (path / "run.json").write_text(json.dumps(record), "utf-8")
    for people in (True, False):
        text = page.render(path, people)
        Page(text)
        assert "<img" not in text


def test_what_stands_on_it(make_run):
    parsed, _ = render(make_run)
    for said in (
        "toy: LightGCN + Distribution (distribution, K = 3)", "12 users, 25 items", "0.2900",
        "popularity",
        "posthoc (own embeddings)", "1.97 × popularity", "segment 1 holds 60% of the users' mass",
        "Segment 3", "5.0 ×",
        "Wants beyond everyone", "User", "torch has no CUDA", "cd" * 32, "Training loss",
        "Largest alpha", "A map of people", "Who the people are", "12 people fall into 3 segments",
    ):  # fmt: skip
        assert said in parsed.text, said
    assert sum(tag == "svg" for tag, _ in parsed.elements) == 7
    assert "nan" not in parsed.text.lower().replace("finance", "").split()


def widths(parsed):
    """The stacked bars as lists of per cents."""
    bars = []
    for tag, attributes in parsed.elements:
        if tag == "div" and attributes.get("class", "").strip() == "stack":
            bars.append([])
        elif "part" in attributes.get("class", "").split():
            bars[-1].append(float(attributes["style"].split("width:")[1].split("%")[0]))
    return bars


@pytest.mark.parametrize("kind", ["distribution", "membership", "hybrid"])
def test_bars_are_the_shares(make_run, kind):
    parsed, _ = render(make_run, kind)
    bars = widths(parsed)
    assert len(bars) == 6
    for bar in bars:
        assert sum(bar) == pytest.approx(100, abs=0.5)
        assert all(width > 0 for width in bar)
    assert ("personal" in parsed.text) == (kind == "hybrid")


def test_affinity_is_signed_and_without_percentages(make_run):
    _, text = render(make_run, "affinity")
    examples = text[text.index("Examples: recommendations") : text.index("How the data were read")]
    assert 'class="signed"' in examples
    assert "item bias" in examples
    shown = Page(f"<div>{examples.split('</summary>')[1].rsplit('</details>')[0]}</div>")
    titles = [a["title"] for t, a in shown.elements if "part" in a.get("class", "").split()]
    assert titles
    assert all("%" not in title for title in titles)
    assert any(": −" in title for title in titles)
    assert any(": +" in title for title in titles)


def test_a_run_without_segments_has_a_page(make_run):
    parsed, _ = render(make_run, "dot")
    assert "0.2900" in parsed.text
    assert "without segments" in parsed.text
    assert "The segments" not in parsed.text
    assert sum(tag == "svg" for tag, _ in parsed.elements) == 2


def test_paper_and_resumed_are_marked(make_run):
    def change(record):
        record |= {"protocol": "paper", "exact": False}

    parsed, _ = render(make_run, change=change)
    assert "best epoch was chosen on the test set" in parsed.text
    assert "last digits may differ" in parsed.text


def test_an_interrupted_run_has_a_page(make_run):
    path, _ = make_run()
    for file in path.glob("*.parquet"):
        file.unlink()
    record = json.loads((path / "run.json").read_text("utf-8"))
    record |= {"state": "interrupted", "metrics": {}, "baselines": {}, "seconds": {}}
    del record["best"], record["memory_mb"], record["parameters"]
    (path / "run.json").write_text(json.dumps(record), "utf-8")
    parsed = Page(page.render(path))
    assert "This run is interrupted." in parsed.text
    (path / "metrics.jsonl").unlink()
    Page(page.render(path))


def test_one_segment_and_very_many(make_run):
    parsed, _ = render(make_run, "membership", k=1, name="one")
    assert "Segment 1" in parsed.text
    parsed, _ = render(make_run, k=130, users=300, name="many")
    assert "… and 30 smaller ones." in parsed.text
    assert sum(a.get("class") == "card" and t == "article" for t, a in parsed.elements) == 102


def test_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(InputError, match="not a run folder"):
        page.render(tmp_path)


def test_without_people_nobody_is_named_and_no_small_group_is_shown(full_run):
    path, _ = full_run()
    ids = pl.read_parquet(path / "segments.parquet")["user"].to_list()
    summary = pl.read_parquet(path / "summary.parquet").with_columns(
        people=pl.when(pl.col("segment") == 3).then(9).otherwise("people")
    )
    summary.write_parquet(path / "summary.parquet")
    named, text = Page(page.render(path, people=True)), page.render(path)
    parsed = Page(text)
    assert "User u0" in " ".join(named.text.split())
    assert any(a.get("id") == "people" for _, a in named.elements)
    assert "Find a customer" in named.text
    assert not {f" {user} " for user in ids} & {f" {word} " for word in parsed.text.split()}
    assert all(a.get("id") != "people" for _, a in parsed.elements)
    assert "Find a customer" not in parsed.text
    assert 'id="segment-3"' not in text
    assert "$63.0" in named.text  # what they spend a head
    assert "$63.0" not in parsed.text
    assert parsed.text.count("4 people") < named.text.count("4 people")  # a merger of four
    hidden = [k for k in range(1, 7) if f'id="segment-{k}"' not in text]
    assert len(hidden) == 2  # all people less the others would give the one away


def test_the_settings_say_whether_people_are_shown(full_run):
    assert "Find a customer" in page.render(full_run(people=True)[0])


def test_the_report_imports_no_torch():
    code = "import sys, gnnseg.report.page, gnnseg.runs.schema; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("kind", KINDS)
def test_tables(make_run, kind):
    path, _ = make_run(kind)
    said = tables.run(path)
    assert "12 users, 25 items" in said
    assert "popularity" in said
    assert "0.1470" in said
    assert "warning: segment 1" in said or kind == "dot"
    assert ("effective K 2.7 of 3; 1.9 segments a user" in said) == (kind != "dot")
    assert max(len(line) for line in tables.metrics(tables.read(path)).splitlines()) <= 120


def test_the_table_of_segments_is_cut_and_says_so(make_run):
    path, _ = make_run(k=40, users=60)
    assert "… and 8 smaller ones: gnnseg segments a-run" in tables.run(path)
    assert "smaller" not in tables.segments(path)
    dot, _ = make_run("dot", name="dot")
    with pytest.raises(InputError, match="no segments"):
        tables.segments(dot)


def test_a_name_cannot_move_the_cursor_or_hide_in_markup():
    said = tables.render(["name"], [["a\x1b[2Jb"], ["[bold]c[/bold]"]])
    assert "\x1b" not in said
    assert "[bold]c[/bold]" in said
