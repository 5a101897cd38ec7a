"""Settings as each door calls them: every plain option, every argument in Python."""

import inspect

import pytest

import gnnseg
from gnnseg.data.tables import doors, typed
from gnnseg.types import InputError, Setting


@pytest.mark.parametrize(
    ("key", "value", "option", "argument"),
    [
        ("data.dates", "dmy", "--dates dmy", "dates=dmy"),
        ("data.item_title", "COLUMN", "--item-title COLUMN", "item_title=COLUMN"),
        ("data.time", "''", "--time ''", "time=''"),
        ("data.user", None, "--user", "user"),
        ("data.separator", None, "--separator", "data.separator"),
        ("data.k_core", "5", "--k-core 5", "data.k_core=5"),
        ("data.path", "orders-*.csv", "orders-*.csv", "data.path=orders-*.csv"),
        ("data.path", None, "data.path", "data.path"),
        ("data.query", None, "--sql", "data.query"),
        ("data.connect", "x", "--connect x", "data.connect=x"),
        ("data.unseen_users", "allow", "data.unseen_users=allow", "data.unseen_users=allow"),
        ("graph.weights", "spend", "graph.weights=spend", "graph.weights=spend"),
        ("query", None, "query", "query"),
    ],
)
def test_a_setting_is_called_as_the_door_takes_it(key, value, option, argument):
    assert doors.option(Setting(key, value)) == option
    assert doors.argument(Setting(key, value)) == argument


def test_what_is_named_can_be_given():
    """An option that a message names is one that ``gnnseg train`` takes; so in Python."""
    for name in doors.OPTIONS:
        option = doors.option(Setting(f"data.{name}", "1"))
        assert set(typed.sort(["orders.csv", *option.split()]).options) == {name}
    assert set(doors.ARGUMENTS) <= set(inspect.signature(gnnseg.interactions).parameters)


def test_errors_from_within_are_said_in_the_doors_words():
    with pytest.raises(InputError) as caught:
        with doors.errors_said(doors.option):
            raise InputError(
                where="a.csv", problem="no dates", advice=("set ", Setting("data.time"))
            )
    assert str(caught.value) == "a.csv: no dates; set --time."
    assert caught.value.advice == "set --time"
    with pytest.raises(InputError, match=r"^a: no; set time \(in gnnseg\.interactions\)\.$"):
        with doors.errors_said(doors.argument, note=" (in gnnseg.interactions)"):
            raise InputError(where="a", problem="no", advice=("set ", Setting("data.time")))
