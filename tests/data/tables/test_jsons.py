"""JSON in the forms that programs write it, each read as the table it was."""

import json

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnseg.data.tables import fields, separators
from gnnseg.types import InputError

NONE = dict.fromkeys(("user", "item", "weight", "time", "spend"))
ROWS = [{"user": f"u{n % 3}", "item": n % 4, "qty": 1 + n % 2, "tags": ["a"]} for n in range(12)]
EVENTS = [(row["user"], str(row["item"]), float(row["qty"])) for row in ROWS]


def put(folder, text, name="t.json"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def events(path, **columns):
    found = separators.read(path, {**NONE, **columns})
    return fields.events(found.sheet, found.columns, drop=False).frame.rows()


FRAME = pd.DataFrame(ROWS)
FORMS = {
    "lines": "\n".join(map(json.dumps, ROWS)),
    "an array": json.dumps(ROWS),
    "an array over lines": json.dumps(ROWS, indent=2),
    "rows under a key": json.dumps({"total": 12, "data": ROWS}),
    "pandas' columns": FRAME.to_json(),
    "pandas' split": FRAME.to_json(orient="split"),
    "pandas' table": FRAME.to_json(orient="table"),
    "pandas' lines": FRAME.to_json(orient="records", lines=True),
    "lists by column": json.dumps({name: [row[name] for row in ROWS] for name in ROWS[0]}),
    "an array of arrays": json.dumps([list(ROWS[0]), *[list(row.values()) for row in ROWS]]),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["t.json", "t.jsonl", "t.txt"])
def test_every_form_is_the_same_table(tmp_path, form, name):
    assert events(put(tmp_path, FORMS[form], name)) == EVENTS


def test_objects_in_objects_are_columns(tmp_path):
    rows = [{"user": {"id": n, "place": {"city": "Ulm"}}, "sku": {"id": f"s{n}"}} for n in range(3)]
    path = put(tmp_path, "\n".join(map(json.dumps, rows)))
    assert events(path, user="user.id", item="sku.id") == [(str(n), f"s{n}") for n in range(3)]


def test_keys_that_some_rows_lack_are_empty_cells(tmp_path):
    path = put(tmp_path, '{"user": 1, "item": "x"}\n\n{"user": 2, "item": "y", "rating": 3.5}\n')
    found = separators.read(path, NONE)
    assert found.sheet.frame["rating"].to_list() == [None, 3.5]


def test_ids_of_several_types_become_text(tmp_path):
    path = put(tmp_path, '[{"user": 1, "item": "x"}, {"user": "b", "item": 12345678901234567890}]')
    assert events(path) == [("1", "x"), ("b", "12345678901234567890")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"user": 1, "item": 2}\n{"user": 1,\n', "line 2: is no object of JSON"),
        ('[{"user": 1, "item": 2},\n{"user": 1 "item": 3}]', "line 2: is broken JSON"),
        ('{"user": {"a": 1}, "item": [1]}', "is JSON, but no table"),
        ("[]", "holds no rows"),
        ("[[1, 2], [3, 4, 5]]", "is JSON, but no table"),
    ],
)
def test_what_is_no_table_is_one_sentence(tmp_path, text, words):
    with pytest.raises(InputError) as caught:
        separators.read(put(tmp_path, text), NONE)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(value=JSON, cut=st.integers(0, 5))
def test_any_json_is_a_table_or_a_sentence(tmp_path_factory, value, cut):
    text = json.dumps(value)
    path = put(tmp_path_factory.mktemp("json"), text[: len(text) - cut] or " ")
    try:
        sentence = ""
        separators.read(path, NONE)
    except InputError as error:
        sentence = str(error)
    assert "\n" not in sentence
