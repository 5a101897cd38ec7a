"""Each file beside the interactions by its own form, named by options of its own."""

import pytest

from gnnseg import config
from gnnseg.data.sets.fetching import Place
from gnnseg.data.tables import doors, owned, saved, typed
from gnnseg.data.tables.readers import FileReader
from gnnseg.types import InputError, Setting

EVENTS = "user,item\n" + "".join(f"Zoë{n % 7},i{n % 5}\n" for n in range(35))


def put(folder, text, name, encoding="utf-8"):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return str(path)


def raw(folder, **told):
    said: list[str] = []
    return FileReader(**told).read(Place(folder, folder, said.append), "t")


def users(mark=",", comma=False):
    half = "5,5" if comma else "5.5"
    return f"id{mark}hours\n" + "".join(f"Zoë{n}{mark}{n}{half[1:]}\n" for n in range(7))


@pytest.mark.parametrize(
    ("mark", "comma", "encoding", "own"),
    [
        (",", False, "utf-8", {}),
        (";", True, "utf-8", {}),
        ("\t", False, "utf-16", {}),
        (";", True, "latin-1", {"encoding": "latin-1"}),
        ("*", False, "utf-8", {"separator": "*"}),
    ],
)
@pytest.mark.parametrize("stated", [{}, {"decimal": ","}, {"separator": ","}])
def test_a_table_of_attributes_has_its_own_form(tmp_path, mark, comma, encoding, own, stated):
    path = put(tmp_path, EVENTS, "events.csv")
    table = put(tmp_path, users(mark, comma), "users.csv", encoding)
    found = raw(tmp_path, path=path, users=table, forms={"users": own}, **stated)
    assert found.users.rows() == [(f"Zoë{n}", n + 0.5) for n in range(7)]
    assert found.events["user"].unique().sort().to_list() == [f"Zoë{n}" for n in range(7)]


def test_what_is_stated_of_the_interactions_serves_a_table_that_leaves_it_open(tmp_path):
    path = put(tmp_path, EVENTS, "events.csv", "latin-1")
    table = put(tmp_path, users(), "users.csv", "latin-1")
    assert len(raw(tmp_path, path=path, users=table, encoding="latin-1").users) == 7
    with pytest.raises(InputError) as caught:
        raw(tmp_path, path=put(tmp_path, EVENTS, "e.csv"), users=table)
    assert "+data.forms.users.encoding=latin-1" in str(caught.value)
    assert "set --users-encoding latin-1" in str(caught.value.said(doors.option))


def test_an_encoding_that_is_stated_though_utf8_fits_is_said(tmp_path):
    found = raw(tmp_path, path=put(tmp_path, EVENTS, "e.csv"), encoding="latin-1")
    assert "latin-1, though every byte fits UTF-8" in found.notes["read"][0]


@pytest.mark.parametrize(
    ("text", "name"), [("u1,u2\nu2,u3\nu10,u1\n", "u"), ("1 2 1\n2 3 1\n10 1 1\n", "")]
)
def test_ties_without_a_header_keep_their_first_row(tmp_path, text, name):
    events = "user,item\n" + "".join(f"{name}{n},i{n % 5}\n" for n in range(1, 12))
    path, ties = put(tmp_path, events, "events.csv"), put(tmp_path, text, "ties.txt")
    for separator in (None, ","):
        found = raw(tmp_path, path=path, social=ties, separator=separator)
        assert len(found.social) == 3
        assert found.social["source"][0] in ("u1", "1")


def test_typed_edges_are_told_by_their_relations_name(tmp_path):
    edges = put(tmp_path, "i0*b\ni1*b\n", "made.csv")
    node = {"name": "made by", "source_kind": "item", "target_kind": "brand", "path": edges}
    told = {"path": put(tmp_path, EVENTS, "events.csv"), "relations": [node]}
    form = {"made by": {"separator": "*", "header": "none"}}
    assert len(raw(tmp_path, **told, forms=form).relations[0].edges) == 2
    with pytest.raises(InputError, match="no file beside the interactions is called so"):
        raw(tmp_path, **told, forms={"made": {}})


def test_a_form_names_what_there_is(tmp_path):
    told = {"path": put(tmp_path, EVENTS, "events.csv"), "users": put(tmp_path, users(), "u.csv")}
    with pytest.raises(InputError, match=r"data.forms.users: has no setting 'sep'; it takes"):
        raw(tmp_path, **told, forms={"users": {"sep": ";"}})
    with pytest.raises(InputError, match=r"data.forms.users: is 'x'"):
        raw(tmp_path, **told, forms={"users": "x"})


def test_every_own_option_is_saved_as_the_form_of_its_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    put(tmp_path, EVENTS, "events.csv")
    for name, (table, key) in typed.OWN.items():
        value = "1" if key == "skip" else "x"
        words = typed.sort(["events.csv", typed.flag(name), value])
        told = saved.settings_of(words, tmp_path)
        assert told["forms"] == {table: {key: 1 if key == "skip" else "x"}}
        setting = Setting(f"+data.forms.{table}.{key}", value)
        assert doors.option(setting) == f"{typed.flag(name)} {value}"
    found = saved.resolve(
        ["events.csv", "--users-encoding", "latin-1", "--log-reward", "click"],
        tmp_path / "cache", say=lambda line: None,
    )  # fmt: skip
    data = config.compose(found.arguments, found.folders)["data"]
    assert data["forms"] == {"users": {"encoding": "latin-1"}, "log": {"reward": "click"}}
    config.check(config.compose(["data=file", "+data.forms.users.encoding=latin-1"]))


def test_a_log_calls_its_columns_as_it_likes(tmp_path):
    rows = "".join(f"{n},Zoë{n % 7},i{n % 5},0.25,{n % 2}\n" for n in range(9))
    told = {
        "path": put(tmp_path, EVENTS, "events.csv"),
        "log": put(tmp_path, "when,user_id,item_id,pscore,click\n" + rows, "log.csv"),
    }
    with pytest.raises(InputError) as caught:
        raw(tmp_path, **told)
    assert "set --log-reward COLUMN" in str(caught.value.said(doors.option))
    form = {"log": {"reward": "click", "propensity": "pscore"}}
    found = raw(tmp_path, **told, forms=form).log
    assert found.select("user", "item", "propensity", "reward").row(1) == ("Zoë1", "i1", 0.25, 1.0)
    assert "propensity" not in raw(tmp_path, **told, forms={"log": {"reward": "click"}}).log.columns
    assert owned.keys_of("users") == owned.KEYS
