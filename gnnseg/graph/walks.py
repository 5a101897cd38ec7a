"""Random walks with restart: whom a node meets most often, and items that lie near a taken one.

Shape legend: N nodes asked for, W walks from each, H hops, T neighbours kept, B pairs of a batch.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gnnseg.rng import Rng
from gnnseg.sparse import Csr

CHUNK = 1 << 21  # visits counted at once: bounds the memory


def visits(
    home: Csr,
    graph: Csr,
    nodes: Tensor,
    walks: int,
    hops: int,
    restart: float,
    rng: Rng,
    *,
    alike: bool = False,
) -> Tensor:
    """Return the columns met, (N,W,H), by ``walks`` walks from each of ``home``'s rows ``nodes``.

    The nodes must have neighbours. A hop leads from a row to a column, and from there to a row of
    ``graph`` that meets it, or home with chance ``restart``. ``home`` is ``graph``, or (B, columns)
    what new users have met. ``alike``: every node's walks take the same draws, so that where they
    lead does not depend on who else is asked for.
    """
    stream = rng.stream("walks", nodes.device)
    start = nodes.repeat_interleave(walks)

    def drawn() -> Tensor:
        found = stream.uniform((walks if alike else len(start),), torch.float64)
        return found.repeat(len(nodes)) if alike else found

    met = start.new_empty(hops, len(start))
    met[0] = home.step(start, drawn())
    back = graph.T
    for hop in range(1, hops):
        # a column only new users have met leads home
        known = back.start[met[hop - 1] + 1] > back.start[met[hop - 1]]
        away = (drawn() >= restart) & known
        met[hop] = home.step(start, drawn())
        there, onward = drawn()[away], drawn()[away]
        met[hop, away] = graph.step(back.step(met[hop - 1][away], there), onward)
    return met.T.reshape(len(nodes), walks, hops)


def importance(
    home: Csr,
    graph: Csr,
    nodes: Tensor,
    *,
    walks: int,
    hops: int,
    restart: float,
    top: int,
    rng: Rng,
    alike: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the ``top`` columns each node's walks meet most often, as parts of their visits.

    Importance pooling (Ying et al. 2018). For (N,) rows: (S,) the place in ``nodes`` ascending,
    (S,) the column ascending within it, (S,) the weight; of columns met equally often the first. A
    node without neighbours has none. ``alike`` as in ``visits``.
    """
    parts = []
    each = max(1, CHUNK // (walks * hops))
    some = (home.start[nodes + 1] > home.start[nodes]).nonzero().squeeze(1)
    for number, at in enumerate(range(0, len(some), each)):
        part = some[at : at + each]
        inner = rng.child("0" if alike else str(number))
        met = visits(home, graph, nodes[part], walks, hops, restart, inner, alike=alike).reshape(
            len(part), -1
        )
        place, column, count = most(met, home.shape[1], top)
        parts.append((part[place], column, count.float() / (walks * hops)))
    if not parts:
        return nodes[:0], nodes[:0], nodes[:0].float()
    row, column, weight = (torch.cat(list(values)) for values in zip(*parts, strict=True))
    return row, column, weight


def most(met: Tensor, columns: int, top: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return row, column and count, (S,), of the ``top`` commonest columns of each row of visits.

    ``met`` (N,V); the result by row and then column.
    """
    rows = torch.arange(len(met), device=met.device)[:, None]
    key, count = torch.unique((rows * columns + met).reshape(-1), return_counts=True)
    row, column = key // columns, key % columns
    # rows ascending, the commonest first
    order = torch.argsort((row + 1) * (met.shape[1] + 1) - count, stable=True)
    rank = torch.arange(len(order), device=met.device) - torch.searchsorted(row, row)
    kept = order[rank < top].sort().values
    return row[kept], column[kept], count[kept]
