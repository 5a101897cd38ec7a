"""Named sets, read from files synthesised in their formats."""

import datetime as dt
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from gnnseg import config
from gnnseg.data.fingerprint import pair_fingerprint
from gnnseg.data.sets import completejourney, lastfm, movielens, planted, published
from gnnseg.data.sets.fetching import Place
from gnnseg.types import InputError

READERS = {
    "ml-100k": movielens.MovieLens100K(),
    "lastfm-2k": lastfm.LastFM2K(),
    "lastfm": published.LastFM(),
    "ml-1m": published.MovieLens1M(),
    "gowalla": published.Gowalla(),
}
SHARED = os.environ.get("GNNSEG_DATA", "")


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path / "data", tmp_path / "cache", lambda _: None)


def put(place, name, encoding="utf-8", **files):
    folder = place.root / name
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        (folder / file.replace("__", ".").replace("_100k", "-100k")).write_text(
            text, encoding=encoding
        )
    return folder


def test_ml_100k_from_atomic_files(place):
    put(
        place,
        "ml-100k",
        ml_100k__inter="user_id:token\titem_id:token\trating:float\ttimestamp:float\n7\t3\t4\t881250949\n8\t3\t1\t881250950\n",
        ml_100k__user="user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token\n7\t24\tM\tpoet\t00501\n",
        ml_100k__item=(
            "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
            "3\tA \"Film\", The\t1995\tDrama Sci-Fi\n4\tunknown\t\tunknown\n"
        ),
        ml_100k__kg="head_id:token\trelation_id:token\ttail_id:token\nm.1\tfilm.genre\tm.9\nm.1\tfilm.actor\tm.8\nm.2\tfilm.genre\tm.9\n",
        ml_100k__link="item_id:token\tentity_id:token\n3\tm.1\n",
    )  # fmt: skip
    raw = movielens.MovieLens100K().read(place, "ml-100k")
    assert raw.events.rows() == [("7", "3", 4.0, 881250949.0), ("8", "3", 1.0, 881250950.0)]
    assert raw.users.rows() == [("7", 24.0, "M", "poet", "00501")]
    assert raw.items.rows() == [
        ("3", 'A "Film", The', 1995.0, ["Drama", "Sci-Fi"]), ("4", "unknown", None, ["unknown"]),
    ]  # fmt: skip
    assert [(r.name, r.source_kind, r.target_kind, r.edges.rows()) for r in raw.relations] == [
        ("is", "item", "entity", [("3", "m.1", 1.0)]),
        ("film.actor", "entity", "entity", [("m.1", "m.8", 1.0)]),
        ("film.genre", "entity", "entity", [("m.1", "m.9", 1.0), ("m.2", "m.9", 1.0)]),
    ]


def test_ml_100k_from_grouplens_files(place):
    flags = ["0"] * 19
    flags[5] = flags[8] = "1"
    put(
        place,
        "ml-100k",
        encoding="latin-1",
        u__data="7\t3\t4\t881250949\n",
        u__user="7|24|M|poet|T8H1N\n",
        u__item=f"3|Café (1995)|01-Jan-1995||http://x|{'|'.join(flags)}\n",
    )
    raw = movielens.MovieLens100K().read(place, "ml-100k")
    assert raw.events.rows() == [("7", "3", 4.0, 881250949.0)]
    assert raw.users.rows() == [("7", 24.0, "M", "poet", "T8H1N")]
    assert raw.items.rows() == [("3", "Café", 1995.0, ["Comedy", "Drama"])]
    assert not raw.relations


def test_ml_1m_raw(place):
    put(
        place,
        "ml-1m-raw",
        encoding="latin-1",
        ratings__dat="1::3::5::978300760\n2::3::1::978300761\n",
        users__dat="1::F::1::10::48067\n2::M::56::16::70072\n",
        movies__dat="3::Misérables, Les: A Film (1995)::Drama|Musical\n",
    )
    raw = movielens.MovieLens1MRaw().read(place, "ml-1m-raw")
    assert raw.events.rows() == [("1", "3", 5.0, 978300760.0), ("2", "3", 1.0, 978300761.0)]
    assert raw.users.row(1, named=True) == {
        "id": "2", "gender": "M", "age": 56.0, "occupation": "16", "zip_code": "70072",
    }  # fmt: skip
    item = raw.items.row(0, named=True)
    assert item == {
        "id": "3",
        "name": "Misérables, Les: A Film",
        "year": 1995.0,
        "genres": ["Drama", "Musical"],
    }


@pytest.mark.parametrize("name", ["ml-1m", "lastfm", "gowalla"])
def test_published_splits_are_refused_where_a_pair_differs(place, monkeypatch, name):
    texts = {"train__txt": "0 1 2\n1 2\n", "valid__txt": "0 3\n1 \n", "test__txt": "1 1 3\n"}
    put(place, name, **texts)
    reader = READERS[name]
    with pytest.raises(
        InputError, match=rf"train.txt: fingerprint [0-9a-f]{{16}}, but {name}'s train.txt has"
    ):
        reader.read(place, name)
    pairs = [([0, 0, 1], [1, 2, 2]), ([0], [3]), ([1, 1], [1, 3])]
    monkeypatch.setitem(
        published.FINGERPRINTS, name, [pair_fingerprint(np.array(u), np.array(i)) for u, i in pairs]
    )
    raw = reader.read(place, name)
    assert raw.events["part"].to_list() == [0, 0, 0, 1, 2, 2]
    assert raw.events["item"].to_list() == ["1", "2", "2", "3", "1", "3"]
    put(place, name, test__txt="1 1 4\n")
    with pytest.raises(InputError, match=r"test.txt: fingerprint .* it is another version"):
        reader.read(place, name)


def test_lastfm_2k(place):
    folder = put(
        place,
        "lastfm-2k",
        user_artists__dat="userID\tartistID\tweight\n2\t51\t13883\n3\t51\t2\n",
        artists__dat='id\tname\turl\tpictureURL\n51\t"Weird Al\thttp://a\thttp://b\n',
        user_friends__dat="userID\tfriendID\n2\t3\n3\t2\n",
        user_taggedartists__dat="userID\tartistID\ttagID\tday\tmonth\tyear\n2\t51\t1\t1\t4\t2009\n3\t51\t1\t1\t4\t2009\n3\t51\t2\t1\t4\t2009\n",
    )
    (folder / "tags.dat").write_bytes("tagID\ttagValue\n1\tdrôle\n2\tabba\n".encode("latin-1"))
    raw = lastfm.LastFM2K().read(place, "lastfm-2k")
    assert raw.events.rows() == [("2", "51", 13883.0), ("3", "51", 2.0)]
    assert raw.items.rows() == [("51", '"Weird Al', ["drôle", "abba"])]
    assert raw.social.rows() == [("2", "3", 1.0), ("3", "2", 1.0)]
    assert [(r.name, r.source_kind, r.target_kind) for r in raw.relations] == [
        ("tagged with", "item", "tag"), ("uses tag", "user", "tag"),
    ]  # fmt: skip
    for relation, ends in zip(raw.relations, (["51"] * 3, ["2", "3", "3"]), strict=True):
        assert relation.edges.select("source", "target", "weight", "user", "item").rows() == [
            (ends[0], "1", 1.0, "2", "51"), (ends[1], "1", 1.0, "3", "51"),
            (ends[2], "2", 1.0, "3", "51"),
        ]  # fmt: skip


@pytest.fixture
def shop(place):
    folder = place.root / "completejourney"
    folder.mkdir(parents=True)
    noon = [dt.datetime(2017, 1, day, 12) for day in (1, 2, 3, 4)]
    tables = {
        "transactions": {
            "household_id": [900, 900, 1228, 900], "product_id": [11, 11, 12, 13],
            "quantity": [1.0, 2.0, 0.0, 1.0],
            "sales_value": [0.5, 1.0, 3.0, 2.0], "transaction_timestamp": noon,
        },
        "products": {
            "product_id": [11, 12, 13], "manufacturer_id": [2, 69, 2],
            "department": ["GROCERY", "PASTRY", "MISC"],
            "brand": ["National", "Private", "National"],
            "product_category": ["ICE", "BREAD", None],
            "product_type": ["ICE CUBES", "BREAD:ITALIAN", None],
            "package_size": ["22 LB", None, None],
        },
        "demographics": {"household_id": [900], "age": ["65+"]},
        "campaigns": {"campaign_id": [1, 2, 1], "household_id": [900, 1228, 1228]},
        "coupons": {"coupon_upc": [5, 6], "product_id": [11, 11], "campaign_id": [1, 1]},
        "coupon_redemptions": {
            "household_id": [900, 900], "coupon_upc": [5, 6], "campaign_id": [1, 1],
            "redemption_date": [dt.datetime(2017, 1, 3), dt.datetime(2017, 1, 2)],
        },
    }  # fmt: skip
    for name, columns in tables.items():
        pl.DataFrame(columns).write_parquet(folder / f"{name}.parquet")
    return place


def test_completejourney(shop):
    raw = completejourney.CompleteJourney(level="product_id").read(shop, "completejourney")
    noon = dt.datetime(2017, 1, 1, 12, tzinfo=dt.UTC).timestamp()
    assert raw.events.rows() == [
        ("900", "11", 1.0, noon, 0.5), ("900", "11", 2.0, noon + 86400, 1.0),
        ("900", "13", 1.0, noon + 3 * 86400, 2.0),
    ]  # fmt: skip
    assert raw.rejected == {"quantity is 0 or below": 1}
    assert raw.users.rows() == [("900", "65+")]
    names = ["ice cubes, 22 lb", "bread:italian, private label", "misc"]
    assert raw.items.select("id", "name").rows() == list(
        zip(["11", "12", "13"], names, strict=True)
    )
    assert {r.name: r.edges.select("source", "target", "weight").rows() for r in raw.relations} == {
        "is made by": [("11", "2", 1.0), ("12", "69", 1.0), ("13", "2", 1.0)],
        "is of category": [("11", "ICE", 1.0), ("12", "BREAD", 1.0)],
        "was sent": [("900", "1", 1.0), ("1228", "1", 1.0)],
        "redeemed": [("900", "1", 1.0)],
        "offers": [("1", "11", 1.0)],
    }
    end = dt.datetime(2017, 1, 2, 23, 59, 59, tzinfo=dt.UTC).timestamp()
    assert [r.edges["time"].to_list() for r in raw.relations if "time" in r.edges.columns] == [
        [end, end],
        [end],
        [end],
    ]


def test_completejourney_at_a_coarser_level(shop):
    raw = completejourney.CompleteJourney().read(shop, "completejourney")
    assert raw.events["item"].to_list() == ["ICE CUBES", "ICE CUBES", "unknown"]
    assert raw.items.columns == ["id", "name", "product_category", "department", "brand"]
    assert raw.items.rows() == [
        ("ICE CUBES", "ICE CUBES", "ICE", "GROCERY", "National"),
        ("BREAD:ITALIAN", "BREAD:ITALIAN", "BREAD", "PASTRY", "Private"),
        ("unknown", "unknown", None, "MISC", "National"),
    ]
    assert raw.relations[4].edges.select("source", "target").rows() == [("1", "ICE CUBES")]


def test_a_kind_of_product_is_made_by_those_who_make_its_products():
    products = pl.DataFrame(
        {
            "product_id": ["1", "2", "3"],
            "product_type": ["A", "A", None],
            "manufacturer_id": ["7", "7", "8"],
            "product_category": ["c", "d", None],
        }
    )
    made, of = completejourney._made(products, "product_type")
    assert made.edges.rows() == [("A", "7", 2.0), ("unknown", "8", 1.0)]
    assert of.edges.rows() == [("A", "c", 1.0), ("A", "d", 1.0)]
    assert [r.name for r in completejourney._made(products, "product_category")] == ["is made by"]


def test_a_kind_of_product_is_of_what_most_of_its_products_are():
    rows = [
        ("1", "A", "b", "D"),
        ("2", "A", "a", "D"),
        ("3", "A", "b", "E"),
        ("4", "Z", None, "E"),
        ("5", None, "a", "E"),
    ]
    products = pl.DataFrame(
        rows, schema=["product_id", "product_category", "brand", "department"], orient="row"
    )
    found = completejourney._products(
        products.with_columns(product_type=pl.lit("t")), "product_category"
    )
    assert found.columns == ["id", "name", "department", "brand"]
    assert found.rows() == [
        ("A", "A", "D", "b"),
        ("Z", "Z", "E", None),
        ("unknown", "unknown", "E", "a"),
    ]
    assert completejourney._products(products, "department")["brand"].to_list() == [
        "a",
        "a",
    ]  # of equals the first by name


def test_planted_is_drawn_again_alike(place):
    options = {
        "preset": "easy",
        "users": 40,
        "items": 30,
        "segments": 3,
        "interactions": 200,
        "seed": 0,
    }
    options |= {"log_events": 300, "logger": 2.0}
    one, two = (planted.Planted(**options).read(place, "planted") for _ in range(2))
    assert one.events.equals(two.events)
    assert one.log.equals(two.log)
    assert one.truth.alpha.shape == (40, 3)


@pytest.mark.parametrize(
    "name", sorted(path.stem for path in (config.conf_folder() / "data").glob("*.yaml"))
)
def test_every_set_has_a_configuration_that_holds(name):
    node = config.compose([f"data={name}"])
    config.check(node)
    assert node["data"]["name"] == name


REAL = {  # of shared/data: events, users, items
    "ml-100k": (100_000, 943, 1_682), "lastfm-2k": (92_834, 1_892, 17_632),
    "lastfm": (91_779, 1_885, 17_388),
    "ml-1m": (836_478, 6_039, 3_628), "gowalla": (1_027_370, 29_858, 40_981),
}  # fmt: skip


@pytest.mark.parametrize("name", REAL)
def test_the_real_sets_have_their_published_sizes(name, tmp_path):
    if not SHARED or not (Path(SHARED) / name).is_dir():
        pytest.skip("GNNSEG_DATA holds no such set")
    raw = READERS[name].read(Place(Path(SHARED), tmp_path, lambda _: None), name)
    assert (len(raw.events), raw.events["user"].n_unique(), raw.events["item"].n_unique()) == REAL[
        name
    ]
