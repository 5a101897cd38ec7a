"""What may be said of a page, and that it changes no run's name."""

import pytest

from gnnseg import config
from gnnseg.config.stable import recorded
from gnnseg.types import InputError


def test_people_may_be_shown_or_not():
    composed = config.compose(["report.people=true"])
    config.check(composed)
    assert recorded(composed)["report"] == {"people": True}
    assert "report" not in recorded(config.compose([]))  # at its default, as runs of before


@pytest.mark.parametrize(
    ("given", "said"),
    [("report.people=some", "report.people"), ("+report.person=true", "report.people")],
)
def test_what_is_no_such_setting_is_refused(given, said):
    with pytest.raises(InputError, match=said):
        config.check(config.compose([given]))
