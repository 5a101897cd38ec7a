"""Whether anybody can be judged is asked before anything is trained."""

import numpy as np
import pytest

from gnnseg.data import split as splits
from gnnseg.evaluation import askable
from gnnseg.evaluation.protocol import Protocol
from gnnseg.types import Dataset, IdMap, InputError, Interactions, Split

DAY = 86_400.0
AUTO = {"_target_": "gnnseg.data.split.Auto"}
TIME = {"_target_": "gnnseg.data.split.GlobalTime"}


def made(user: list[int], item: list[int], time: list[float], node: dict[str, str]) -> Split:
    def ids(values: list[int]) -> IdMap:
        return IdMap(np.array([str(n) for n in range(max(values) + 1)], dtype=object))

    events = Interactions(np.array(user), np.array(item), time=np.array(time))
    dataset = Dataset(name="drawn", users=ids(user), items=ids(item), interactions=events)
    return splits.make(dataset, node)


def rules(seen: str = "mask", protocol: str = "clean") -> Protocol:
    return Protocol(seen=seen, protocol=protocol, ks=[20])  # type: ignore[arg-type]


def once() -> Split:
    return made(list(range(40)), [n % 7 for n in range(40)], [n * DAY for n in range(40)], TIME)


def machine(node: dict[str, str]) -> Split:
    """Forty users of one week, and user 40 who is there a hundred times as often afterwards."""
    draw = np.random.default_rng(0)
    user = [u for u in range(40) for _ in range(10)] + [40] * 4000
    item = draw.integers(0, 25, len(user)).tolist()
    time = draw.uniform(0, 7 * DAY, 400).tolist() + [(8 + n) * DAY for n in range(4000)]
    return made(user, item, time, node)


@pytest.mark.parametrize("seen", ["mask", "allow"])
def test_everybody_bought_once(seen: str) -> None:
    with pytest.raises(InputError, match="everybody has one interaction; give data"):
        rules(seen).refuse_unjudged(once())


def test_new_users_alone() -> None:
    user = [n // 2 for n in range(80)]  # two interactions each, one user after the other
    split = made(user, [n % 7 for n in range(80)], [float(n) * DAY for n in range(80)], TIME)
    split_late = made(
        user, [n % 7 for n in range(80)], [float(n // 8) * DAY for n in range(80)], TIME
    )
    for each in (split, split_late):
        tested = set(each.test.user) & set(each.train.user)
        assert not tested
        with pytest.raises(InputError, match="random_per_user"):
            rules().refuse_unjudged(each)


def test_a_machine_is_named_and_does_not_take_the_test() -> None:
    with pytest.raises(InputError, match="user 40 alone has 4,000 of 4,400 interactions"):
        rules().refuse_unjudged(machine(TIME))
    split = machine(AUTO)
    assert "since times do not divide the events" in split.notes["split"]
    rules().refuse_unjudged(split)
    assert len(set(split.test.user)) > 20
    assert askable.heavy_user(split) is not None
    assert askable.heavy_user(once()) is None


def test_times_that_are_all_equal_say_why_chance_divides() -> None:
    split = made([0, 1, 2] * 20, list(range(60)), [DAY] * 60, AUTO)
    assert split.notes["split"].startswith("random overall")
    assert "since times do not divide the events" in split.notes["split"]


def test_what_can_be_asked_is_not_refused() -> None:
    draw = np.random.default_rng(1)
    user, item = draw.integers(0, 20, 500).tolist(), draw.integers(0, 60, 500).tolist()
    split = made(user, item, draw.uniform(0, 9 * DAY, 500).tolist(), AUTO)
    assert split.notes["split"] == "global time at quantiles 0.8, 0.9"
    for seen in ("mask", "allow"):
        for protocol in ("clean", "paper", "train-mask"):
            rules(seen, protocol).refuse_unjudged(split)
