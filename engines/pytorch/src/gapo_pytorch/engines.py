"""The engines of this process: one for each of the latest runs, in one thread that computes."""

import contextvars
import os
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from functools import partial
from logging import getLogger
from typing import Any, TypeVar, cast

import grpc
import torch

from .determinism import prepare
from .errors import RpcError
from .gradients.engine import GradientEngine
from .group import Alone, Group
from .jobs import Job
from .log import NAME
from .policy.decoder import Decoder
from .policy.model import read_model
from .policy.spec import EngineKey
from .policy.versions import HeldVersion
from .settings import Settings

T = TypeVar("T")

log = getLogger(NAME)

ENGINES_KEPT = 2
"""One for each of two runs that alternate."""


@dataclass(frozen=True)
class _Open:
    """Tells a group's processes to open an engine, where they have not."""

    key: EngineKey


@dataclass(frozen=True)
class _Run:
    """Tells a group's processes to run a job. `version` has its tensors only where the engine has another version."""

    key: EngineKey
    version: HeldVersion
    job: Job[object]


class Engines:
    """Computes one task at a time, in a thread of its own. Models are read when a request first names them."""

    def __init__(self, settings: Settings, group: Group | None = None, device: torch.device | None = None) -> None:
        """Nothing is read yet. @default a process alone, on the device of the settings"""
        self._settings = settings
        self._group = group or Alone()
        self._device = device or torch.device(settings.DEVICE)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="compute", initializer=self._prepare)
        self._engines: OrderedDict[EngineKey, GradientEngine] = OrderedDict()

    def shapes(self, key: EngineKey, proceed: Callable[[], None]) -> dict[str, tuple[int, ...]]:
        """The trained tensors' shapes of a policy. Raises RpcError where its model cannot be read."""

        def work() -> dict[str, tuple[int, ...]]:
            proceed()
            return self._opened_by_all(key).shapes

        return self._computed(work)

    def run(
        self,
        key: EngineKey,
        version: HeldVersion,
        job: Job[T],
        proceed: Callable[[], None],
        span: Callable[[], AbstractContextManager[object]],
    ) -> T:
        """Waits for the tasks before this one, and runs it within a span.

        proceed() is called first, and by a process alone also between parts; it raises an error to refuse.
        """

        def work() -> T:
            proceed()
            engine = self._opened_by_all(key)
            if self._group.size > 1:
                tensors = {} if engine.loaded == version.sha256 else version.tensors
                self._group.tell(_Run(key, HeldVersion(version.sha256, tensors), job))
            with span():
                engine.load(version.sha256, version.tensors)
                return job.run(engine, proceed if self._group.size == 1 else _go_on)

        return self._computed(work)

    def follow(self) -> None:
        """Does what the group's first process says, until it says to stop."""
        self._prepare()
        while (task := self._surely(partial(self._group.tell, None))) is not None:
            with suppress(RpcError):  # all processes have the same, and the first one reports it
                self._surely(partial(self._do, task))

    def _do(self, task: _Open | _Run) -> None:
        engine = self._engine(task.key)
        if isinstance(task, _Run):
            engine.load(task.version.sha256, task.version.tensors)
            task.job.run(engine, _go_on)

    def close(self) -> None:
        """Ends the thread after the present task, and the other processes."""
        if self._group.size > 1:
            self._group.part()
            self._computed(partial(self._group.tell, None))
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _computed(self, work: Callable[[], T]) -> T:
        return self._thread.submit(contextvars.copy_context().run, self._surely, work).result()

    def _surely(self, work: Callable[[], T]) -> T:
        """Ends the process where a group's processes may no longer be in step, as after the loss of one: all start again."""
        try:
            return work()
        except RpcError:
            raise
        except Exception as error:
            if self._group.size == 1:
                raise
            log.error("process %d of %d ends, and all others with it: %s", self._group.rank, self._group.size, error)
            os._exit(1)

    def _opened_by_all(self, key: EngineKey) -> GradientEngine:
        """The engine of this process, after all others have opened theirs."""
        if self._group.size > 1:
            self._group.tell(_Open(key))
        return self._engine(key)

    def _prepare(self) -> None:
        prepare(self._settings.THREADS)

    def _engine(self, key: EngineKey) -> GradientEngine:
        engine = self._engines.get(key)
        if engine is None:
            engine = self._opened(key)
            self._engines[key] = engine
            while len(self._engines) > ENGINES_KEPT:
                self._engines.popitem(last=False)
        self._engines.move_to_end(key)
        return engine

    def _opened(self, key: EngineKey) -> GradientEngine:
        """Opens an engine in all processes of the group. Raises the same RpcError in all of them where one cannot."""
        engine: GradientEngine | None = None
        problem: tuple[grpc.StatusCode, str] | None = None
        try:
            engine = self._open(key)
        except RpcError as error:
            problem = error.code, error.details
        found = next((other for other in self._group.gather(problem) if other is not None), None)
        if found is not None:
            raise RpcError(*found)
        if engine is None:
            raise AssertionError("an engine is opened, or there is a problem")
        return engine

    def _open(self, key: EngineKey) -> GradientEngine:
        frozen = torch.float32
        autocast: torch.dtype | None = None
        if key.computation.half:
            autocast = torch.float16
        elif self._settings.PRECISION == "bfloat16":
            autocast = torch.bfloat16
            # In full training the weights are the trained tensors, which stay float32.
            frozen = torch.float32 if key.lora is None else torch.bfloat16
        # Sharding moves one layer at a time, so that the whole model need not fit on the device.
        sharded = self._group.mesh is not None and key.lora is not None
        model = read_model(self._settings.MODEL_ROOT, key, frozen, torch.device("cpu") if sharded else self._device)
        recompute = key.computation.recompute
        config = cast(Any, model).config
        decoder = Decoder(
            model,
            key.lora,
            key.value_heads,
            device=self._device,
            recompute=recompute,
            autocast=autocast,
            mesh=self._group.mesh,
        )
        return GradientEngine(decoder, config, key.computation.memory_budget, recompute=recompute, group=self._group)


def _go_on() -> None:
    """In a group, a task that has begun is finished: the processes would no longer agree on what they exchange."""


def refuse_if(cancelled: Callable[[], bool]) -> Callable[[], None]:
    """Returns a function that raises RpcError CANCELLED once nobody waits for the result."""

    def proceed() -> None:
        if cancelled():
            raise RpcError(grpc.StatusCode.CANCELLED, "the caller has cancelled the call, or its deadline has passed")

    return proceed
