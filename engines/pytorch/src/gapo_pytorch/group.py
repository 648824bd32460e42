"""The processes that compute together: one alone, or those that torchrun has started.

The first process serves gRPC and tells the others what to compute. All of them then do the same work on different sequences,
and their results are added.
"""

import os
from datetime import timedelta
from typing import Any, Protocol, cast

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh

IDLE = timedelta(days=365)
"""How long a process waits for the next task: a run may pause for days. Lost processes break connections, which is no wait."""


class Group(Protocol):
    """Processes, each with a rank below the size. Every process calls these functions in the same order."""

    rank: int
    size: int

    @property
    def mesh(self) -> DeviceMesh | None:
        """The processes' devices, over which frozen weights are sharded. None for a process alone."""

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum over all processes."""

    def any(self, flag: bool) -> bool:
        """Whether the flag of any process is set."""

    def gather(self, value: Any) -> list[Any]:
        """The values of all processes, by rank."""

    def tell(self, value: Any) -> Any:
        """The first process's value."""


class Alone:
    """One process."""

    rank = 0
    size = 1
    mesh = None

    def sum(self, tensor: Tensor) -> Tensor:
        """Returns the tensor."""
        return tensor

    def any(self, flag: bool) -> bool:
        """Returns the flag."""
        return flag

    def gather(self, value: Any) -> list[Any]:
        """Returns the value in a list."""
        return [value]

    def tell(self, value: Any) -> Any:
        """Returns the value."""
        return value


class Together:
    """Several processes: tensors are added on the devices, everything else goes over gloo."""

    def __init__(self, device: torch.device) -> None:
        """Meets the other processes, by torchrun's environment variables."""
        dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo", timeout=IDLE)
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        self.mesh = init_device_mesh(device.type, (self.size,))
        self._objects = cast(dist.ProcessGroup, dist.new_group(backend="gloo", timeout=IDLE))

    def sum(self, tensor: Tensor) -> Tensor:
        """Adds in place."""
        dist.all_reduce(tensor)
        return tensor

    def any(self, flag: bool) -> bool:
        """Gathers the flags."""
        return any(self.gather(flag))

    def gather(self, value: Any) -> list[Any]:
        """Gathers Python objects."""
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value, group=self._objects)
        return values

    def tell(self, value: Any) -> Any:
        """Sends a Python object from the first process."""
        holder = [value]
        dist.broadcast_object_list(holder, src=0, group=self._objects)
        return holder[0]


def own_group(device: str) -> tuple[Group, torch.device]:
    """Returns the group of this process, and its device: with CUDA, that of its rank on this machine."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return Alone(), torch.device(device)
    own = torch.device(device, int(os.environ["LOCAL_RANK"])) if device == "cuda" else torch.device(device)
    if own.type == "cuda":
        torch.cuda.set_device(own)
    return Together(own), own
