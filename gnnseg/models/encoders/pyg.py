"""Any bipartite convolution of PyTorch Geometric (Fey & Lenssen 2019), by its name.

Shape legend: R rows that receive, C rows that send, E edges, D width.
"""

from __future__ import annotations

import contextlib
import inspect
import threading
import warnings
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gnnseg.graph.neighbours import Block, Flow
from gnnseg.models.encoders.base import Init
from gnnseg.models.encoders.layers import Attributes, GraphEncoder, own_rows
from gnnseg.rng import Rng
from gnnseg.types import InputError, Shape

_FOREIGN = threading.RLock()  # torch's global generator is the process's
OWN = (
    "in_channels",
    "out_channels",
    "heads",
    "concat",
    "add_self_loops",
    "dropout",
)  # what this encoder decides itself


class PyG(GraphEncoder):
    """x_target^(l+1) = x_target^(l) + ReLU( conv_l( (x_source^(l), x_target^(l)), edges ) ), each
    direction with weights of its own; the last layer is linear. ``skip`` false: without the first
    term, the bare convolution; with it training begins near layer 0 and not at what random weights
    make of it.

    ``conv``: a class of ``torch_geometric.nn.conv`` that takes a pair of inputs (GATv2Conv,
    SAGEConv, GraphConv, …). ``heads``: of an attention; they share the width ``dim``. ``options``:
    the convolution's other settings. ``dropout``: of the convolution, in training. Edge weights are
    passed to those that read them.
    """

    @classmethod
    def weighs_messages(cls, **node: Any) -> bool:
        return _reads_weights(getattr(convolutions(), str(node.get("conv")), None))

    def __init__(
        self,
        shape: Shape,
        rng: Rng,
        *,
        dim: int,
        layers: int,
        conv: str,
        heads: int,
        dropout: float,
        options: dict[str, Any] | None,
        skip: bool,
        init: Init,
        scale: float,
        attributes: Attributes | None,
        neighbours: list[int] | None,
        combine: Literal["last", "mean"],
    ) -> None:
        super().__init__(
            shape, rng, dim=dim, layers=layers, init=init, scale=scale, attributes=attributes,
            neighbours=neighbours,
            combine=combine,
        )  # fmt: skip
        if heads < 1:
            raise InputError(f"encoder.heads is {heads}: there must be at least 1.")
        if not 0 <= dropout < 1:
            raise InputError(f"encoder.dropout is {dropout}: it must be at least 0 and below 1.")
        with _seeded(rng.number("convolutions")):
            made = [
                nn.ModuleDict(
                    {
                        name: convolution(conv, dim, heads, dropout, options or {})
                        for name in ("to_user", "to_item")
                    }
                )
                for _ in range(layers)
            ]
        self.convolutions = nn.ModuleList(made)
        self.dropout, self.skip = dropout, skip

    def convolve(
        self, layer: int, block: Block, x: Mapping[str, Tensor], rng: Rng | None
    ) -> dict[str, Tensor]:
        found, convolutions = {}, self.convolutions[layer]
        assert isinstance(convolutions, nn.ModuleDict)
        drops = rng is not None and self.dropout > 0
        convolutions.train(drops)
        with (
            _seeded(rng.number("convolution"))
            if rng is not None and drops
            else contextlib.nullcontext()
        ):
            for flow in block.flows:
                conv, own = convolutions[flow.name], own_rows(block, flow.target, x)
                heard = conv((x[flow.source], own), edges(flow), **_weights(conv, flow))
                heard = F.relu(heard) if layer < self.layers - 1 else heard
                found[flow.target] = own + heard if self.skip else heard
        return found


def convolution(
    name: str, dim: int, heads: int, dropout: float, options: dict[str, Any]
) -> nn.Module:
    """(D,),(D,) -> (D,). InputError for a name that is none, settings it does not take, or one that
    takes no bipartite input."""
    found: Any = getattr(convolutions(), name, None)
    if not (
        inspect.isclass(found)
        and issubclass(found, convolutions().MessagePassing)
        and name != "MessagePassing"
    ):
        raise InputError(
            f"encoder.conv={name}: is no convolution of torch_geometric.nn; GATv2Conv, SAGEConv, "
            "GraphConv are."
        )
    make: Any = found
    takes = inspect.signature(make).parameters
    decided = {"heads": heads, "dropout": dropout, "add_self_loops": False}
    given = {key: value for key, value in decided.items() if key in takes}
    unknown = sorted(set(options) - set(takes) | set(options) & set(OWN))
    if unknown:
        own = ", ".join(sorted(set(takes) - set(OWN) - {"kwargs"}))
        raise InputError(
            f"encoder.options.{unknown[0]}: {name} takes {own or 'nothing'} here; take it out."
        )
    if dim % heads or (heads > 1 and "heads" not in takes):
        raise InputError(
            f"encoder.heads={heads}: {name} with encoder.dim={dim} cannot be shared among so many; "
            "set it to 1."
        )
    if dropout and "dropout" not in takes:
        raise InputError(f"encoder.dropout={dropout}: {name} has none; set it to 0.")
    width = dim // heads if "heads" in takes else dim
    try:
        made: nn.Module = make(**_widths(takes, dim, width), **given, **options).eval()
        with torch.no_grad():
            some = made((torch.ones(2, dim), torch.ones(3, dim)), torch.tensor([[0, 1], [0, 2]]))
    except Exception as error:  # whatever a foreign constructor says
        why = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(
            f"encoder.conv={name}: does not take users and items as two inputs, or needs more than "
            f"encoder.options gives ({why}); "
            "choose another."
        ) from None
    if some.shape != (3, dim):
        raise InputError(
            f"encoder.conv={name}: gives {tuple(some.shape)} for 3 nodes, not {(3, dim)}; choose "
            "other options."
        )
    if options.get("edge_dim") is not None:
        raise InputError(
            "encoder.options.edge_dim: an interaction has no attributes here; take it out."
        )
    for part in made.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            raise InputError(
                f"encoder.conv={name}: normalises by the batch's statistics, which one user's row "
                "must not depend on; set "
                "encoder.options to another norm, such as {norm: layer}, or choose another "
                "convolution."
            )
        if isinstance(part, nn.RNNBase):
            raise InputError(
                f"encoder.conv={name}: reads neighbours in an order, which an interaction has not; "
                "set encoder.options to another "
                "aggr, such as {aggr: mean}."
            )
    return made


def _widths(takes: Mapping[str, Any], dim: int, width: int) -> dict[str, Any]:
    """How a convolution is told what it reads and gives, by the names PyG has for it."""
    if "in_channels" in takes:
        return {
            "in_channels": (dim, dim),
            **({"out_channels": width} if "out_channels" in takes else {}),
        }
    if "channels" in takes:
        return {"channels": (dim, dim)}
    if "nn" in takes:
        return {"nn": nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim))}
    return {}


def convolutions() -> Any:
    """torch_geometric.nn.conv, whose import says what is deprecated in torch: unheard."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch_geometric.nn import conv
    return conv


def edges(flow: Flow) -> Tensor:
    """(2,E) senders above receivers, as PyG names them."""
    return torch.stack([flow.pattern.column, flow.pattern.row])


def _reads_weights(conv: Any) -> bool:
    """Of a convolution, or its class; a name that is none is told of where it is made."""
    return conv is None or "edge_weight" in inspect.signature(conv.forward).parameters


def _weights(conv: nn.Module, flow: Flow) -> dict[str, Tensor]:
    return {} if flow.weight is None or not _reads_weights(conv) else {"edge_weight": flow.weight}


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """torch's own generator, which foreign layers draw from, from a seed; afterwards as it was
    before."""
    devices = list(range(torch.cuda.device_count()))
    with _FOREIGN, torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        yield
