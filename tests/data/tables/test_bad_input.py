"""The user's own files from end to end: what is read, and one sentence for each mistake."""

import polars as pl
import pytest

import gnnseg.data
from gnnseg.cli import main
from gnnseg.data.sets.fetching import Place
from gnnseg.data.tables.readers import FileReader
from gnnseg.types import InputError

DEFAULTS = {
    **dict.fromkeys(("path", "train", "valid", "test", "format", "user", "item", "weight",
                     "time", "spend")),
    **dict.fromkeys(("separator", "users", "items", "social", "item_title",
                     "decimal", "dates", "returns", "time_as", "zeros")),
    "encoding": "utf-8", "on_error": "fail", "unseen_users": "refuse", "relations": [], "log": None,
}  # fmt: skip
GOOD = "user,item,weight,time\n" + "".join(
    f"u{n % 7},i{n % 5},{n + 1},{1600000000 + n}\n" for n in range(35)
)


def put(folder, text, name="t.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def raw(tmp_path, **options):
    said = []
    reader = FileReader(**{**DEFAULTS, **options})
    found = reader.read(Place(tmp_path, tmp_path, said.append), "file")
    assert said == found.notes["read"]
    return found


def load(tmp_path, min_weight=None, k_core=0, **options):
    node = {
        "_target_": "gnnseg.data.tables.readers.FileReader",
        "name": "file",
        "min_weight": min_weight,
        "k_core": k_core,
    }
    return gnnseg.data.load(
        {**node, **DEFAULTS, **options}, root=tmp_path, cache=tmp_path / "cache", say=lambda _: None
    )


def refused(tmp_path, **options):
    with pytest.raises(InputError) as caught:
        load(tmp_path, **options)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_a_good_file_is_read(tmp_path):
    found = load(tmp_path, path=put(tmp_path, GOOD))
    assert (len(found.users), len(found.items), len(found.interactions)) == (7, 5, 35)
    assert "separated by comma" in found.notes["read"][0]
    assert "2020-09-13 to 2020-09-13" in found.notes["read"][0]


BAD = {
    "empty file": ("", "the file is empty"),
    "header only": ("user,item\n", "holds a header and no rows"),
    "missing column": (
        "customer,thing\na,x\n",
        "no column for data.item; it has 'customer', 'thing': set data.item=COLUMN",
    ),
    "wrong separator": ("user item\na x\n", "cannot tell what separates its columns"),
    "binary junk": (b"user,item\n\x00\x01\x02,\x03\n", "line 2: a zero byte"),
    "latin-1": ("user,item\nJosé,1\n".encode("latin-1"), "line 2: not UTF-8"),
    "NaN weight": (
        "user,item,weight\na,x,1\nb,y,nan\n",
        "line 3: weight is NaN or infinite: 'nan'",
    ),
    "infinite weight": (
        "user,item,weight\na,x,1\nb,y,-inf\n",
        "line 3: weight is NaN or infinite: '-inf'",
    ),
    "unparsable time": (
        "user,item,time\na,x,2020-01-01\nb,y,soon\n",
        "line 3: time cannot be read",
    ),
    "time out of range": (
        "user,item,time\na,x,2020-01-01\nb,y,2345-01-01\n",
        "line 3: time lies outside 1900-2100",
    ),
    "ragged line": ("user,item\na,x\nb\n", "line 3: has 1 columns where the first line has 2"),
    "blanks around an id": (
        "user,item\na,x\nb ,y\n",
        "line 3: user id with blanks around it: 'b '",
    ),
    "a stray quote": (
        'user,item\na,x\n"b"c,y\n',
        "line 3: a quote that does not open and close a whole cell",
    ),
    "an open quote": (
        'user,item\na,x\n"b,y\n',
        "line 3: a quote that does not open and close a whole cell",
    ),
    "one user": ("user,item\na,x\na,y\n", "only one user is left (a)"),
    "one item": ("user,item\na,x\nb,x\n", "only one item is left (x)"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_input_is_refused_in_a_sentence(tmp_path, kind):
    text, words = BAD[kind]
    assert words in refused(tmp_path, path=put(tmp_path, text))


def test_no_such_file_nothing_named_and_both_named(tmp_path):
    assert "no such file" in refused(tmp_path, path=str(tmp_path / "none.csv"))
    assert "data.path is not set: give data.path=FILE" in refused(tmp_path)
    path = put(tmp_path, GOOD)
    assert "data.valid is not set" in refused(tmp_path, train=path, test=path)
    assert "both set" in refused(tmp_path, path=path, train=path)


def test_everything_filtered_away_and_an_empty_core(tmp_path):
    path = put(tmp_path, GOOD)
    assert "filters everything away" in refused(tmp_path, path=path, min_weight=99.0)
    assert "empties the set" in refused(tmp_path, path=path, k_core=8)


def test_quoted_ids_are_kept_as_they_are(tmp_path):
    found = load(tmp_path, path=put(tmp_path, 'user,item\n"Ann ""A"" Lee","x, y"\nBo Ek,z\n'))
    assert list(found.users.ids) == ['Ann "A" Lee', "Bo Ek"]
    assert list(found.items.ids) == ["x, y", "z"]


def test_bad_rows_are_dropped_counted_and_said_where_asked(tmp_path):
    text = "user,item,weight\na,x,1\n,y,1\nb,y,bad\nb,z,2\nc,x,worse\n"
    found = raw(tmp_path, path=put(tmp_path, text), on_error="drop")
    assert found.events["user"].to_list() == ["a", "b"]
    assert found.rejected == {"no user": 1, "weight is no number": 2}
    assert found.rejected_examples["weight is no number"] == "t.csv, line 4: 'bad'"
    said = []
    node = {
        "_target_": "gnnseg.data.tables.readers.FileReader",
        "name": "file",
        "min_weight": None,
        "k_core": 0,
        **DEFAULTS,
    }
    node |= {"path": str(tmp_path / "t.csv"), "on_error": "drop"}
    gnnseg.data.load(node, root=tmp_path, cache=tmp_path / "cache", say=said.append)
    assert any("2 rows: weight is no number (first: t.csv, line 4" in line for line in said)


def parts(tmp_path, train="a,x\nb,y\n", valid="a,y\n", test="b,x\n", head="user,item\n"):
    named = {"train": train, "valid": valid, "test": test}
    return {key: put(tmp_path, head + text, f"{key}.csv") for key, text in named.items()}


def test_a_given_split_keeps_its_parts(tmp_path):
    found = raw(tmp_path, **parts(tmp_path))
    assert found.events["part"].to_list() == [0, 0, 1, 2]
    assert found.events.schema["part"] == pl.Int8


def test_test_users_that_train_lacks_are_named_unless_allowed(tmp_path):
    named = parts(tmp_path, test="b,x\nzoe,x\nyan,x\n")
    text = refused(tmp_path, **named)
    assert "test.csv: 2 users that train lacks (first: zoe)" in text
    assert "data.unseen_users=allow" in text
    assert len(load(tmp_path, unseen_users="allow", **named).users) == 4


def test_parts_must_have_the_same_columns(tmp_path):
    named = parts(tmp_path)
    named["test"] = put(tmp_path, "user,item,weight\nb,x,1\n", "test.csv")
    assert "have different columns" in refused(tmp_path, **named)


def test_lists_may_be_a_given_split(tmp_path):
    named = parts(tmp_path, "0 1 2\n1 2\n", "0 3\n", "1 1 3\n", head="")
    found = raw(tmp_path, **named)
    assert found.events.select("user", "item", "part").rows() == [
        ("0", "1", 0), ("0", "2", 0), ("1", "2", 0), ("0", "3", 1), ("1", "1", 2), ("1", "3", 2),
    ]  # fmt: skip


def test_attributes_social_ties_and_typed_edges(tmp_path):
    users = put(tmp_path, "name,id,age,zip\nAnn,u0,31,00123\nBo,u1,,x9\n", "users.csv")
    items = put(tmp_path, "item_id:token\tgenre:token\ni0\tjazz\n", "t.item")
    social = put(tmp_path, "from,to,strength\nu0,u1,2\nu1,nobody,1\n", "social.csv")
    brands = put(tmp_path, "a;b\ni0;acme\ni1;acme\n", "brands.csv")
    relations = [{"name": "made by", "source_kind": "item", "target_kind": "brand", "path": brands}]
    options = {
        "path": put(tmp_path, GOOD),
        "users": users,
        "items": items,
        "social": social,
        "relations": relations,
    }
    found = raw(tmp_path, **options)
    assert found.users.to_dict(as_series=False) == {
        "id": ["u0", "u1"], "name": ["Ann", "Bo"], "age": [31.0, None], "zip": ["00123", "x9"],
    }  # fmt: skip
    assert found.social.rows() == [("u0", "u1", 2.0), ("u1", "nobody", 1.0)]
    assert found.relations[0].edges.rows() == [("i0", "acme", 1.0), ("i1", "acme", 1.0)]
    kept = load(tmp_path, **options)
    assert len(kept.social) == 1
    assert kept.notes["left out"]["social edges to ids without an interaction"] == 1
    assert list(kept.entities["brand"].ids) == ["acme"]


@pytest.mark.parametrize(
    ("option", "text", "words"),
    [
        ("users", "id,age\nu0,1\nu0,2\n", "line 2: id u0 stands more than once"),
        (
            "users",
            "id,age\nu0,1\n u1,2\n",
            "line 3: the id (id) has blanks around it",
        ),
        ("social", "a,b,c,d\n1,2,3,4\n", "have columns source, target[, weight]; it has 4 columns"),
        (
            "social",
            "a,b,c\nu0,u1,1\nu1,u0,inf\n",
            "line 3: the weight of social ties is no finite number",
        ),
        ("social", "a,b\nu0,u1\nu0,\n", "line 3: an end of social ties is missing"),
    ],
)
def test_tables_beside_the_interactions_are_checked(tmp_path, option, text, words):
    assert words in refused(
        tmp_path, path=put(tmp_path, GOOD), **{option: put(tmp_path, text, "beside.csv")}
    )


def test_relations_must_say_what_they_are(tmp_path):
    path = put(tmp_path, GOOD)
    assert "data.relations: each entry has the keys" in refused(
        tmp_path, path=path, relations=[{"name": "x"}]
    )


@pytest.mark.parametrize(
    "kind", [*BAD, "no such file", "everything filtered away", "empty core", "unseen test users"]
)
@pytest.mark.slow
def test_the_command_exits_with_2_and_leaves_no_run(tmp_path, capsys, kind):
    if kind in BAD:
        options = [f"data.path={put(tmp_path, BAD[kind][0])}"]
        words = BAD[kind][1]
    elif kind == "no such file":
        options, words = [f"data.path={tmp_path}/none.csv"], "no such file"
    elif kind == "unseen test users":
        options = [f"data.{key}={path}" for key, path in parts(tmp_path, test="zoe,x\n").items()]
        words = "1 users that train lacks (first: zoe)"
    else:
        more, words = {
            "everything filtered away": ("data.min_weight=99", "filters everything away"),
            "empty core": ("data.k_core=8", "empties the set"),
        }[kind]
        options = [f"data.path={put(tmp_path, GOOD)}", more]
    runs = tmp_path / "runs"
    assert (
        main(
            [
                "train",
                "data=file",
                f"runs.root={runs}",
                f"cache.root={tmp_path / 'cache'}",
                *options,
            ]
        )
        == 2
    )
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1].startswith("gnnseg: ")
    assert words in err.splitlines()[-1]
    assert not runs.exists() or not any(path.is_file() for path in runs.rglob("*"))


def test_check_reads_a_file_by_command(tmp_path, capsys):
    assert main(["data", "check", put(tmp_path, GOOD)]) == 0
    assert "35 events of 7 users and 5 items" in capsys.readouterr().out
    assert main(["data", "check", str(tmp_path / "none.csv")]) == 2
    assert "no such file" in capsys.readouterr().err
    other = tmp_path / "latin.csv"
    other.write_bytes("user,item\nRené,x\nZoë,y\n".encode("latin-1"))
    assert main(["data", "check", str(other)]) == 2
    assert "--encoding latin-1" in capsys.readouterr().err
    assert main(["data", "check", str(other), "--encoding", "latin-1"]) == 0
    assert (
        f"gnnseg train {other} --user user --item item --encoding latin-1"
        in capsys.readouterr().out
    )
