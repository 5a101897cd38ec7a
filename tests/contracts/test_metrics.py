"""Every metric of ours equals its oracle; one without an oracle cannot be made."""

import pytest

from gnnseg.evaluation.metrics import METRICS, VARIANTS, CatalogueMetric, UserMetric
from gnnseg.testing import MetricContract


@pytest.mark.parametrize("name", [*METRICS, *VARIANTS])
class TestOurs(MetricContract):
    @pytest.fixture(autouse=True)
    def _named(self, name):
        self.metric = {**METRICS, **VARIANTS}[name]

    def make(self):
        return self.metric


def test_a_metric_is_called_what_it_is_found_under():
    assert all(name == m.name for name, m in {**METRICS, **VARIANTS}.items())


def test_a_metric_without_an_oracle_cannot_be_made():
    class Users(UserMetric):
        def values(self, lists):
            return lists.found_B

    class Items(CatalogueMetric):
        def value(self, counts_I):
            return 0.0

    for kind in (Users, Items):
        with pytest.raises(TypeError, match="oracle"):
            kind()


def test_an_oracle_that_differs_is_found_out():
    class Wrong(type(METRICS["recall"])):
        def oracle(self, user):
            return super().oracle(user) / 2

    class Law(MetricContract):
        def make(self):
            return Wrong()

    with pytest.raises(AssertionError):
        Law().test_it_equals_its_oracle_on_random_lists()
