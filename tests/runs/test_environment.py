"""Devices by name, and what a run changes around it."""

import pytest
import torch

from gnnseg import config
from gnnseg.runs import environment
from gnnseg.types import InputError


@pytest.fixture
def two_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"card {device}")


@pytest.mark.parametrize("name", ["auto", "cpu", "cuda", "cuda:1"])
def test_a_device_by_name(name: str, two_devices: None) -> None:
    config.check(config.compose([f"device={name}"]))
    device, why = environment.choose_device(name)
    assert str(device) == ("cuda" if name == "auto" else name)
    assert name == "auto" or why.endswith("asked for")


def test_a_device_that_is_not_there_is_one_sentence(two_devices: None) -> None:
    with pytest.raises(InputError, match="device=cuda:2: there is cuda:0 to cuda:1; use one of"):
        environment.choose_device("cuda:2")


def test_without_cuda_any_cuda_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for name in ("cuda", "cuda:1"):
        with pytest.raises(InputError, match=f"device={name}: .*; use device=auto or device=cpu"):
            environment.choose_device(name)
    assert environment.choose_device("auto")[0].type == "cpu"


@pytest.mark.parametrize("name", ["cuda:", "cuda:x", "gpu", "cuda:-1"])
def test_what_is_no_device_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="must be one of auto, cpu, cuda, cuda:N"):
        config.check({**config.compose([]), "device": name})


def test_threads_come_back() -> None:
    before = torch.get_num_threads()
    with environment.threads(1):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
