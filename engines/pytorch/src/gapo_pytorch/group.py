"""The processes that compute together: one alone, or those that torchrun has started.

The first process serves gRPC and tells the others what to compute. All of them then do the same work on different sequences,
and their results are added. They meet all the time, so that the loss of a machine is noticed: a connection to it may stay open
for ever.
"""

import os
import threading
from datetime import timedelta
from logging import getLogger
from typing import Any, Protocol, cast

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh

from .log import NAME

IDLE = timedelta(days=365)
"""How long a process waits for the next task: a run may pause for days."""
BEATS_PER_LEASE = 12
"""How often the processes meet within the time after which one counts as lost."""
PARTING_SECONDS = 5.0
"""How long a process that misses another waits for word that all end as they were asked to."""

log = getLogger(NAME)


class Group(Protocol):
    """Processes, each with a rank below the size. Every process calls these functions in the same order."""

    rank: int
    size: int
    speaks_for_machine: bool
    """Whether it is the one of its machine's processes that answers probes."""

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

    def part(self) -> None:
        """From now on the others may end."""


class Alone:
    """One process."""

    rank = 0
    size = 1
    speaks_for_machine = True
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

    def part(self) -> None:
        """There are no others."""


class Together:
    """Several processes: tensors are added on the devices, everything else goes over gloo."""

    def __init__(self, device: torch.device, lease_seconds: float) -> None:
        """Meets the other processes, by torchrun's environment variables. One that is silent for the lease is lost."""
        dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo", timeout=IDLE)
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        self.mesh = init_device_mesh(device.type, (self.size,))
        self.speaks_for_machine = os.environ["LOCAL_RANK"] == "0"
        self._objects = cast(dist.ProcessGroup, dist.new_group(backend="gloo", timeout=IDLE))
        lease = timedelta(seconds=lease_seconds)
        self._beats = cast(dist.ProcessGroup, dist.new_group(backend="gloo", timeout=lease))
        self._parting = threading.Event()
        threading.Thread(target=self._beat, args=(lease_seconds / BEATS_PER_LEASE,), daemon=True).start()

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

    def part(self) -> None:
        """Tolerates the loss of others."""
        self._parting.set()

    def _beat(self, interval_seconds: float) -> None:
        """Meets the others again and again, and ends the process where one does not come."""
        while not self._parting.wait(interval_seconds):
            try:
                dist.barrier(group=self._beats)
            except Exception as error:
                if self._parting.wait(PARTING_SECONDS):
                    return
                log.error("process %d of %d ends: another one does not answer: %s", self.rank, self.size, error)
                os._exit(1)


def own_group(device: str, lease_seconds: float) -> tuple[Group, torch.device]:
    """Returns the group of this process, and its device: with CUDA, that of its rank on this machine.

    lease_seconds: how long another process may be silent before this one ends.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return Alone(), torch.device(device)
    own = torch.device(device, int(os.environ["LOCAL_RANK"])) if device == "cuda" else torch.device(device)
    if own.type == "cuda":
        torch.cuda.set_device(own)
    return Together(own, lease_seconds), own
