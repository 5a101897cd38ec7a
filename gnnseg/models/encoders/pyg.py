"""Any bipartite convolution of PyTorch Geometric (Fey & Lenssen 2019), by its name.

Shape legend: R rows that receive, C rows that send, E edges, D width.
"""

from __future__ import annotations

import contextlib
import inspect
import threading
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gnnseg.graph.neighbours import Block, EdgeType
from gnnseg.models.encoders.layers import Combine, GraphEncoder, Nodes, own_rows
from gnnseg.models.encoders.nodes import Attributes
from gnnseg.models.encoders.tables import Init, check_dropout
from gnnseg.rng import Rng
from gnnseg.types import InputError, Shape

_FOREIGN = threading.RLock()  # torch's global generator is the process's
# settings of a convolution that this encoder decides itself
OWN = ("in_channels", "out_channels", "heads", "concat", "add_self_loops", "dropout")


class PyG(GraphEncoder):
    """x_target <- x_target + ReLU( conv_l( (x_source, x_target), edges ) ), edges both ways.

    Each direction has weights of its own; the last layer is linear. ``skip`` false: without the
    first term, the bare convolution; with it training begins near layer 0 and not at what random
    weights make of it.

    ``conv``: a class of ``torch_geometric.nn.conv`` that takes a pair of inputs (GATv2Conv,
    SAGEConv, GraphConv, …). ``heads``: of an attention; they share the width ``dim``. ``options``:
    the convolution's other settings. ``dropout``: of the convolution, in training. Edge weights are
    passed to those that read them.
    """

    def __init__(
        self,
        shape: Shape,
        rng: Rng,
        *,
        dim: int = 64,
        layers: int = 2,
        conv: str = "GATv2Conv",
        heads: int = 1,
        dropout: float = 0.0,
        options: dict[str, Any] | None = None,
        skip: bool = True,
        init: Init = "spectral",
        scale: float = 0.1,
        attributes: Attributes | None = None,
        neighbours: list[int] | None = None,
        combine: Combine = "mean",
    ) -> None:
        super().__init__(
            shape, rng, dim=dim, layers=layers, init=init, scale=scale, attributes=attributes,
            neighbours=neighbours, combine=combine,
        )  # fmt: skip
        if heads < 1:
            raise InputError(f"encoder.heads is {heads}: there must be at least 1.")
        check_dropout(dropout)
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

    @classmethod
    def weighs_messages(cls, **settings: Any) -> bool:
        """Return whether the convolution reads weights."""
        return _reads_weights(getattr(convolutions(), str(settings.get("conv")), None))

    def convolve(self, layer: int, block: Block, x: Nodes, rng: Rng | None) -> dict[str, Tensor]:
        """Return what the layer's two convolutions make of the rows that receive."""
        convolutions, last = self.convolutions[layer], layer == self.layers - 1
        assert isinstance(convolutions, nn.ModuleDict)
        found = {}
        with self._dropping(convolutions, rng):
            for edges in block.edge_types:
                conv, own = convolutions[edges.name], own_rows(block, edges.target, x[edges.target])
                received = conv((x[edges.source], own), ends(edges), **_weights(conv, edges))
                received = received if last else F.relu(received)
                found[edges.target] = own + received if self.skip else received
        return found

    @contextlib.contextmanager
    def _dropping(self, convolutions: nn.Module, rng: Rng | None) -> Iterator[None]:
        """In training, the convolutions' own dropout, drawn from the step."""
        drops = rng is not None and self.dropout > 0
        convolutions.train(drops)
        if rng is None or not drops:
            yield
            return
        with _seeded(rng.number("convolution")):
            yield


def convolution(
    name: str, dim: int, heads: int, dropout: float, options: dict[str, Any]
) -> nn.Module:
    """Return a convolution of PyG, (D,),(D,) -> (D,).

    Raises:
        InputError: A name that is none, settings it does not take, or one that takes no bipartite
            input.
    """
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
    _check_settings(name, takes, dim, heads, dropout, options)
    decided = {"heads": heads, "dropout": dropout, "add_self_loops": False}
    given = {key: value for key, value in decided.items() if key in takes}
    width = dim // heads if "heads" in takes else dim
    try:
        made: nn.Module = make(**_widths(takes, dim, width), **given, **options).eval()
        with torch.no_grad():
            some = made((torch.ones(2, dim), torch.ones(3, dim)), torch.tensor([[0, 1], [0, 2]]))
    except Exception as error:  # whatever a foreign constructor says
        why = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(
            f"encoder.conv={name}: does not take users and items as two inputs, or needs more than "
            f"encoder.options gives ({why}); choose another."
        ) from None
    if some.shape != (3, dim):
        raise InputError(
            f"encoder.conv={name}: gives {tuple(some.shape)} for 3 nodes, not {(3, dim)}; choose "
            "other options."
        )
    _check_made(name, made, options)
    return made


def _check_settings(
    name: str,
    takes: Mapping[str, Any],
    dim: int,
    heads: int,
    dropout: float,
    options: Mapping[str, Any],
) -> None:
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


def _check_made(name: str, made: nn.Module, options: Mapping[str, Any]) -> None:
    """What a convolution must not read: edge attributes, the batch, or an order of neighbours."""
    if options.get("edge_dim") is not None:
        raise InputError(
            "encoder.options.edge_dim: an interaction has no attributes here; take it out."
        )
    for part in made.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            raise InputError(
                f"encoder.conv={name}: normalises by the batch's statistics, which one user's row "
                "must not depend on; set encoder.options to another norm, such as {norm: layer}, "
                "or choose another convolution."
            )
        if isinstance(part, nn.RNNBase):
            raise InputError(
                f"encoder.conv={name}: reads neighbours in an order, which an interaction has not; "
                "set encoder.options to another aggr, such as {aggr: mean}."
            )


def _widths(takes: Mapping[str, Any], dim: int, width: int) -> dict[str, Any]:
    """What a convolution reads and gives, by the names PyG has for it."""
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
    """Return torch_geometric.nn.conv, without its import's warnings of what torch deprecates."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch_geometric.nn import conv
    return conv


def ends(edges: EdgeType) -> Tensor:
    """Return senders above receivers, (2,E), as PyG names them."""
    return torch.stack([edges.pattern.column, edges.pattern.row])


def _reads_weights(conv: Any) -> bool:
    """Of a convolution, or its class; a name that is none is refused where it is made."""
    return conv is None or "edge_weight" in inspect.signature(conv.forward).parameters


def _weights(conv: nn.Module, edges: EdgeType) -> dict[str, Tensor]:
    return {} if edges.weight is None or not _reads_weights(conv) else {"edge_weight": edges.weight}


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed torch's own generator, which foreign layers draw from; afterwards it is as before."""
    devices = list(range(torch.cuda.device_count()))
    with _FOREIGN, torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        yield
