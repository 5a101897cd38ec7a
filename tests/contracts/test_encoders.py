"""Every encoder obeys the laws."""

import pytest

from gnnseg.encoders import MF, Encoder, LightGCN
from gnnseg.rng import Rng
from gnnseg.testing import EncoderContract
from gnnseg.types import Shape

LIGHTGCN = {
    "dim": 12, "layers": 2, "layer_weights": None, "init": "spectral", "scale": 0.1,
    "alpha": 0.5, "beta": 0.5, "gamma": None, "unit": False, "dropout": 0.0,
}  # fmt: skip


@pytest.mark.parametrize("init", ["normal", "spectral"])
class TestMF(EncoderContract):
    @pytest.fixture(autouse=True)
    def _init(self, init: str) -> None:
        self.init = init
        self.recovers = init == "spectral"  # prototypes that start on noise, unsmoothed by neighbours, may stay there

    def make(self, shape: Shape, rng: Rng) -> Encoder:
        return MF(shape, rng, dim=12, init=self.init, scale=0.1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options",
    [{}, {"init": "normal"}, {"dropout": 0.3}, {"alpha": 0.6, "beta": -0.1, "gamma": 0.2, "unit": True}, {"layers": 0}],
    ids=["spectral", "normal", "dropout", "lightgcn++", "no layer"],
)
class TestLightGCN(EncoderContract):
    @pytest.fixture(autouse=True)
    def _options(self, options: dict[str, object]) -> None:
        self.options = options

    def make(self, shape: Shape, rng: Rng) -> Encoder:
        return LightGCN(shape, rng, **{**LIGHTGCN, **self.options})  # type: ignore[arg-type]
