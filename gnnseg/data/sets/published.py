"""Sets that come split, as their papers publish them; refused where their pairs are others."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass

import polars as pl

from gnnseg.data import held_out
from gnnseg.data.fingerprint import pair_fingerprint
from gnnseg.data.raw import Raw
from gnnseg.data.sets.base import Reader
from gnnseg.data.sets.fetching import Place
from gnnseg.data.tables import formats
from gnnseg.types import InputError

FINGERPRINTS = {  # (train, valid, test), first 16 hex of sha256 over the sorted pairs
    "gowalla": ("68bb924a1e7ea41d", "277b9ba79cbdddbe", "dac9527045e35230"),
    "ml-1m": ("235a6f4b3048c905", "99bec6101b71c464", "548a6a21fdb88268"),
    "lastfm": ("b4ff78162ca8d9fd", "82a81c003e28977a", "c8b8e5f39ee8d487"),
}
SIZES = {  # pairs of train and of test, of sets whose validation is drawn here
    "yelp2018": (1_237_259, 324_147),
    "amazon-book": (2_380_730, 603_378),
}
SPLIT_FILES = ["train.txt", "valid.txt", "test.txt"]


def _given(place: Place, name: str, source: str) -> Raw:
    """Read a set that comes split; refused where its pairs are not the published ones."""
    folder = place.find(name)
    frames = []
    for part, (file_, wanted) in enumerate(zip(SPLIT_FILES, FINGERPRINTS[name], strict=True)):
        frame = formats.lists(folder / file_).frame
        found = pair_fingerprint(
            frame["user"].cast(pl.Int64).to_numpy(), frame["item"].cast(pl.Int64).to_numpy()
        )
        if found != wanted:
            raise InputError(
                f"{folder / file_}: fingerprint {found}, but {name}'s {file_} has {wanted}: it is "
                "another version; "
                f"remove it and run 'gnnseg data fetch {name}', or use data=file."
            )
        frames.append(frame.with_columns(pl.lit(part, dtype=pl.Int8).alias("part")))
    return Raw(name=name, events=pl.concat(frames), notes={"source": source})


@dataclass(frozen=True, kw_only=True)
class MovieLens1M(Reader):
    """MovieLens 1M in LightGCN++'s split (Lee et al. 2024): 6,039 users, 3,628 films."""

    def read(self, place: Place, name: str) -> Raw:
        """Read the three parts."""
        return _given(place, "ml-1m", "MovieLens 1M, split of LightGCN++ (Lee et al. 2024)")


@dataclass(frozen=True, kw_only=True)
class LastFM(Reader):
    """Last.fm (HetRec 2011) in LightGCN++'s split: 1,885 users, 17,388 artists."""

    def read(self, place: Place, name: str) -> Raw:
        """Read the three parts."""
        return _given(place, "lastfm", "HetRec 2011, split of LightGCN++ (Lee et al. 2024)")


@dataclass(frozen=True, kw_only=True)
class Gowalla(Reader):
    """Gowalla in LightGCN's split (He et al. 2020): 29,858 users, 40,981 places.

    Its validation part was carved by LightGCN++ (Lee et al. 2024).
    """

    def read(self, place: Place, name: str) -> Raw:
        """Read the three parts."""
        source = "LightGCN (He et al. 2020), validation of LightGCN++ (Lee et al. 2024)"
        return _given(place, "gowalla", source)


@dataclass(frozen=True, kw_only=True)
class LightGCNSplit(Reader, ABC):
    """A set in LightGCN's split (He et al. 2020), which has no validation: a share is drawn for it.

    Under ``evaluation.protocol=paper`` all of train.txt is trained on again, as in its table.

    Args:
        valid: Share of each user's training pairs that is validation.
    """

    valid: float = held_out.SHARE

    def __post_init__(self) -> None:
        if not 0 < self.valid < 1:
            raise InputError(
                f"data.valid={self.valid}: is a share of each user's pairs; 0.1 is one."
            )

    def _read(self, place: Place, name: str, source: str) -> Raw:
        folder, frames = place.find(name), []
        for part, file, pairs in zip((0, 2), ("train.txt", "test.txt"), SIZES[name], strict=True):
            frame = formats.lists(folder / file).frame.unique(maintain_order=True)
            if len(frame) != pairs:
                raise InputError(
                    f"{folder / file}: {len(frame):,} pairs, but {name}'s {file} has {pairs:,}: it "
                    f"is another version; remove it and run 'gnnseg data fetch {name}', or train "
                    f"on the folder: gnnseg train {folder}"
                )
            frames.append(frame.with_columns(pl.lit(part, dtype=pl.Int8).alias("part")))
        events = held_out.carve(pl.concat(frames), self.valid)
        return Raw(name=name, events=events, notes={"source": source})


@dataclass(frozen=True, kw_only=True)
class Yelp2018(LightGCNSplit):
    """Yelp 2018 in LightGCN's split: 31,668 users, 38,048 businesses."""

    def read(self, place: Place, name: str) -> Raw:
        """Read both parts and draw validation."""
        return self._read(place, "yelp2018", "LightGCN (He et al. 2020)")


@dataclass(frozen=True, kw_only=True)
class AmazonBook(LightGCNSplit):
    """Amazon's book reviews in LightGCN's split: 52,643 users, 91,599 books."""

    def read(self, place: Place, name: str) -> Raw:
        """Read both parts and draw validation."""
        return self._read(place, "amazon-book", "LightGCN (He et al. 2020)")
