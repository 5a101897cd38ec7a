"""How processes that were started together find each other.

By the variables of torchrun (RANK, LOCAL_RANK, WORLD_SIZE, MASTER_ADDR …), which Ray Train sets
too; of a Slurm job of several tasks that submitit started, by submitit's.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from datetime import timedelta

import torch

from gnnseg.distributed import started
from gnnseg.distributed.ranks import ALONE, Lost, Ranks

WAIT = timedelta(days=7)  # for what the first process does alone


@contextlib.contextmanager
def joined() -> Iterator[Ranks]:
    """Yield who is who among the processes that were started together.

    A group that is there already, as Ray Train makes it, is used and left as it is. CPU tensors go
    by gloo, those of CUDA by NCCL.

    Raises:
        Lost: The others cannot be found.
    """
    import torch.distributed as dist

    if not dist.is_available():
        yield ALONE
        return
    _take_from_submitit()
    if dist.is_initialized():
        yield _ranks()
        return
    if started.count() == 1:
        yield ALONE
        return
    nccl = torch.cuda.is_available() and dist.is_nccl_available()
    try:
        dist.init_process_group("cpu:gloo,cuda:nccl" if nccl else "gloo")
    except (RuntimeError, ValueError) as error:
        raise Lost(
            where=f"WORLD_SIZE={started.count()}",
            problem=f"the other processes cannot be found ({str(error).strip().splitlines()[0]})",
            advice="start them by torchrun, or clear WORLD_SIZE to train in this one alone",
        ) from error
    try:
        yield _ranks()
    finally:
        dist.destroy_process_group()


def _ranks() -> Ranks:
    """Return who is who in the group; what is no tensor goes by gloo, and may be long awaited."""
    import torch.distributed as dist

    if dist.get_world_size() == 1:
        return ALONE
    records = dist.new_group(backend="gloo", timeout=WAIT)
    return Ranks(dist.get_rank(), dist.get_world_size(), records)


def _take_from_submitit() -> None:
    """Take the variables from the job of several tasks that this process is a task of."""
    if "SUBMITIT_EXECUTOR" not in os.environ or "WORLD_SIZE" in os.environ:
        return
    import submitit

    if submitit.JobEnvironment().num_tasks > 1:
        submitit.helpers.TorchDistributedEnvironment().export(set_cuda_visible_devices=False)
