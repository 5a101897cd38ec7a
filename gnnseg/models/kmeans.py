"""k-means on unit rows: first prototypes, and clusters of finished embeddings."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor
from torch.nn import functional as F

from gnnseg.rng import Rng


def prototypes(
    user_UD: Tensor, segments: int, rng: Rng, *, rounds: int = 25, starts: int = 1
) -> Tensor:
    """Compute k-means++ centres (Arthur & Vassilvitskii 2007) of the rows at length 1, (K,D).

    Lloyd's rounds included; of several ``starts`` those with the smallest sum of squared distances,
    the first of which is that of one start. One thread, float64, so that the result depends on the
    rows and the seed alone. Fewer distinct rows than segments: the rest of the centres are rows
    with a little noise, so that they can part.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    unit = F.normalize(user_UD.detach().double().cpu(), dim=-1)
    generator = rng.torch("prototypes")
    if len(unit) < segments:
        extra = unit[torch.randint(len(unit), (segments - len(unit),), generator=generator)]
        extra = (
            extra
            + 0.1
            * torch.randn(extra.shape, generator=generator, dtype=extra.dtype)
            / unit.shape[1] ** 0.5
        )
        unit = torch.cat([unit, extra])
    k_means = KMeans(
        segments,
        init="k-means++",
        n_init=starts,
        max_iter=rounds,
        random_state=rng.number("k-means") % 2**32,
        algorithm="lloyd",
    )
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        k_means.fit(unit.numpy())
    return torch.from_numpy(k_means.cluster_centers_).to(user_UD)


def nearest(user_UD: Tensor, centres_KD: Tensor) -> Tensor:
    """Find the centre closest to each row at length 1, (U,); the lowest number wins a tie."""
    unit = F.normalize(user_UD.detach(), dim=-1)
    distance = (centres_KD**2).sum(-1) - 2 * unit @ centres_KD.T
    return distance.min(-1).indices
