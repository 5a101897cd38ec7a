import json
import math

import numpy as np
import pytest
import torch

from gnnseg import records
from gnnseg.report import page, tables
from gnnseg.runs.folder import RunFolder
from gnnseg.runs.stored import StoredRun


def strict(text):
    def refuse(word):
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_what_is_not_defined_is_null():
    content = {"a": math.nan, "b": [1.5, -math.inf, "NaN"], "c": {"d": np.float32("inf")}}
    content |= {"e": torch.tensor(2.0), "f": np.int64(3), "g": (True, None)}
    written = strict(records.text(content))
    assert written == {
        "a": None, "b": [1.5, None, "NaN"], "c": {"d": None}, "e": 2.0, "f": 3, "g": [True, None],
    }  # fmt: skip


def test_folders_of_before_are_read_alike():
    assert records.parsed('{"a": NaN, "b": [-Infinity, 1]}') == {"a": None, "b": [None, 1]}


def test_a_run_folder_holds_strict_json_of_any_age(make_run):
    """Every reader says the same of NaN, as folders of before have it, and of null."""
    path, _ = make_run()
    record = json.loads((path / "run.json").read_text("utf-8"))
    record["metrics"]["test/ndcg@20"] = math.nan
    record["best"]["value"] = math.nan
    record["metrics"]["segment/self_assign"] = math.nan
    record["metrics"]["segment/effective_k"] = math.nan
    (path / "run.json").write_text(json.dumps(record), "utf-8")
    said = []
    for _ in range(2):
        run = StoredRun(path)
        assert run.record["metrics"]["test/ndcg@20"] is None
        assert math.isnan(run.metric("test/ndcg@20"))
        record = tables.read(path)
        assert record["best"]["value"] is None
        said.append((tables.metrics(record), page.render(path)))
        RunFolder(path).amend({"exact": True})
        strict((path / "run.json").read_text("utf-8"))
    assert said[0] == said[1]
    assert "nan" not in said[0][0]


def test_a_record_written_while_it_has_no_figure_is_strict(tmp_path):
    RunFolder(tmp_path).write_json({"metrics": {"valid/ndcg@20": math.nan}})
    assert strict((tmp_path / "run.json").read_text("utf-8")) == {
        "metrics": {"valid/ndcg@20": None}
    }


def test_damaged_json_is_an_error():
    with pytest.raises(ValueError, match="Expecting"):
        records.parsed('{"a": ')
