"""InputError: one sentence, its parts, and what each door makes of the settings in it."""

import copy
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from gnnseg.types import InputError, Setting

DMY = Setting("data.dates", "dmy")


def asked() -> InputError:
    return InputError(
        where=Path("orders.csv"),
        problem=("time '03/04/25' may be ", ("2025-04-03 (", DMY, ")")),
        advice=("set ", Setting("data.dates")),
    )


def upper(setting: Setting) -> str:
    return str(setting).upper()


def raise_it() -> None:
    raise asked()


def test_parts_make_a_sentence() -> None:
    error = asked()
    assert str(error) == (
        "orders.csv: time '03/04/25' may be 2025-04-03 (data.dates=dmy); set data.dates."
    )
    assert error.where == "orders.csv"
    assert error.problem == "time '03/04/25' may be 2025-04-03 (data.dates=dmy)"
    assert error.advice == "set data.dates"


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({"problem": "both are set", "advice": "give one"}, "both are set; give one."),
        ({"where": "a.csv", "problem": "holds no rows"}, "a.csv: holds no rows."),
        (
            {"where": DMY, "problem": "no such order", "advice": "did you mean mdy?"},
            "data.dates=dmy: no such order; did you mean mdy?",
        ),
        (
            {"where": "a; b: c.csv", "problem": "it holds {braces}; and 'a: b'", "advice": "go"},
            "a; b: c.csv: it holds {braces}; and 'a: b'; go.",
        ),
    ],
)
def test_parts_may_be_missing_and_hold_any_sign(parts: dict[str, str], sentence: str) -> None:
    assert str(InputError(**parts)) == sentence


@pytest.mark.parametrize(
    ("sentence", "parts"),
    [
        ("a.csv, line 3: no user; mend it.", ("a.csv, line 3", "no user", "mend it")),
        ("a.csv: holds no rows.", ("a.csv", "holds no rows", "")),
        (
            "the files differ; make them alike: columns too.",
            ("", "the files differ", "make them alike: columns too"),
        ),
        (
            "seed=x: 'a; b' is no number; did you mean 1?",
            ("seed=x", "'a; b' is no number", "did you mean 1?"),
        ),
        ("nothing is known", ("", "nothing is known", "")),
    ],
)  # fmt: skip
def test_a_whole_sentence_stays_and_has_its_parts(
    sentence: str, parts: tuple[str, str, str]
) -> None:
    error = InputError(sentence)
    assert str(error) == sentence
    assert (error.where, error.problem, error.advice) == parts
    assert str(error.said(upper)) == sentence


def test_each_door_names_the_settings_alone() -> None:
    assert str(asked().said(upper)) == (
        "orders.csv: time '03/04/25' may be 2025-04-03 (DATA.DATES=DMY); set DATA.DATES."
    )
    quoted = InputError(where="data.dates=dmy", problem=("it is called ", DMY))
    assert str(quoted.said(upper)) == "data.dates=dmy: it is called DATA.DATES=DMY."


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))]
)
@pytest.mark.parametrize("error", [asked(), InputError("a.csv: holds no rows; give some.")])
def test_copies_and_pickles_keep_everything(again, error: InputError) -> None:  # type: ignore[no-untyped-def]
    error.run_folder = "runs/x"  # type: ignore[attr-defined]
    found = again(error)
    assert type(found) is InputError
    assert vars(found) == vars(error)
    assert str(found) == str(error)
    assert str(found.said(upper)) == str(error.said(upper))


def test_it_comes_whole_from_another_process() -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        error = pool.submit(raise_it).exception()
    assert isinstance(error, InputError)
    assert str(error.said(upper)) == str(asked().said(upper))


def test_it_is_raised_from_its_cause() -> None:
    cause = KeyError("dates")
    with pytest.raises(InputError, match=r"set data\.dates\.$") as caught:
        raise asked() from cause
    assert caught.value.__cause__ is cause
