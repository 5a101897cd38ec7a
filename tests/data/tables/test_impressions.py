"""News and games as they are published: MIND's impressions, Steam's purchases and hours of play."""

import random
from datetime import UTC, datetime

import pytest

from gnnseg.cli import main
from gnnseg.data.tables import impressions
from gnnseg.types import InputError

LINES = [
    "1\tU87\t11/11/2019 9:05:58 AM\tN12 N7\tN3-0 N4-1 N5-0",
    "2\tU87\t11/12/2019 12:01:00 AM\tN12 N7\tN12-1 N6-1",
    "3\tU9\t11/12/2019 1:15:02 PM\t\tN3-0",
]


def test_clicks_are_read_with_their_times_and_histories_are_said(tmp_path):
    sheet, note = impressions.read(tmp_path / "b.tsv", "\n".join(LINES).encode())
    times = ["2019-11-11T09:05:58", "2019-11-12T00:01:00", "2019-11-12T00:01:00"]
    assert sheet.frame.rows() == [("U87", item, t) for item, t in zip(("N4", "N12", "N6"), times)]
    assert sheet.lines.tolist() == [1, 2, 2]
    assert note == (
        "b.tsv: MIND's impressions, 3 clicks; 1 pairs of histories, which have no times, left out"
    )


@pytest.mark.parametrize(("lines", "said"), [
    ([*LINES, "4\tU9\t2019-11-12\tN1\tN3-0"], "line 4: .* is no line of MIND"),
    ([*LINES, "4\tU9\t11/12/2019 1:15:02 PM\tN1\tN3"], "line 4: .* is no line of MIND"),
    (LINES[2:], "holds no click"),
])  # fmt: skip
def test_what_is_no_impression_is_one_sentence(lines, said, tmp_path):
    with pytest.raises(InputError, match=said):
        impressions.read(tmp_path / "b.tsv", "\n".join(lines).encode())


def test_it_is_told_apart_by_its_lines():
    assert impressions.looks(LINES)
    assert not impressions.looks(["1\tU87\t11/11/2019 9:05:58 AM\tN12\t5"])
    assert not impressions.looks(["196\t242\t3\t881250949"])


@pytest.fixture
def news(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw = random.Random(0)
    lines = []
    for n in range(300):
        shown = [f"N{i}-{int(draw.random() < 0.4)}" for i in draw.sample(range(30), 6)]
        when = f"11/{draw.randint(9, 15)}/2019 {draw.randint(1, 12)}:{draw.randint(10, 59)}:00 PM"
        lines.append(f"{n}\tU{n % 50}\t{when}\tN1 N2\t{' '.join(shown)}")
    (tmp_path / "behaviors.tsv").write_text("\n".join(lines) + "\n")
    titles = [
        f'N{i}\tsports\tsoccer\tTitle {i}{", and more" * (i % 3)}, a "quote"\tText\thttps://x\t[]'
        for i in range(30)
    ]
    (tmp_path / "news.tsv").write_text("\n".join(titles) + "\n")
    return tmp_path


def test_mind_is_trained_on_with_its_titles(news, capsys):
    words = ["train", "behaviors.tsv", "--items", "news.tsv", "--items-id", "column_1"]
    words += ["--item-title", "column_4", "trainer.max_epochs=1", "head.segments=2", "threads=1"]
    assert main(words) == 0
    said = capsys.readouterr()
    assert "MIND's impressions" in said.err
    assert "split global time" in said.err
    assert "Title " in said.err


def test_steams_hours_of_play_are_weights(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    lines = []
    for u in range(40):
        for i in range(5):
            lines.append(f'{151603712 + u},"Game {(u + i) % 12}, II",purchase,1.0,0')
            lines.append(f'{151603712 + u},"Game {(u + i) % 12}, II",play,{u + i + 0.5},0')
    (tmp_path / "steam-200k.csv").write_text("\n".join(lines) + "\n")
    words = ["data", "check", "steam-200k.csv", "--user", "column_1", "--item", "column_2"]
    assert main([*words, "--event", "column_3", "--keep", "play", "--weight", "column_4"]) == 0
    said = capsys.readouterr().out
    assert "200 events of 40 users and 12 items" in said
    assert str(datetime.now(UTC).year) not in said
