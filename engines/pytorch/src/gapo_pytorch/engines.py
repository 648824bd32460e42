"""The engines of this process: one for each of the latest runs, in one thread that computes."""

import contextvars
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

import grpc
import torch

from .errors import RpcError
from .gradients.engine import GradientEngine
from .policy.decoder import Decoder
from .policy.model import read_model
from .policy.spec import EngineKey
from .settings import Settings

T = TypeVar("T")

ENGINES_KEPT = 2
"""One for each of two runs that alternate."""


class Engines:
    """Computes one task at a time, in a thread of its own. Models are read when a request first names them."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is read yet."""
        self._settings = settings
        self._device = torch.device(settings.DEVICE)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="compute", initializer=self._prepare)
        self._engines: OrderedDict[EngineKey, GradientEngine] = OrderedDict()

    def shapes(self, key: EngineKey, proceed: Callable[[], None]) -> dict[str, tuple[int, ...]]:
        """The trained tensors' shapes of a policy. Raises RpcError where its model cannot be read."""
        return self.run(key, lambda engine: engine.shapes, proceed)

    def run(self, key: EngineKey, task: Callable[[GradientEngine], T], proceed: Callable[[], None]) -> T:
        """Waits for the tasks before this one, and runs it. proceed() is called first; it raises an error to refuse."""

        def work() -> T:
            proceed()
            return task(self._engine(key))

        return self._thread.submit(contextvars.copy_context().run, work).result()

    def close(self) -> None:
        """Ends the thread after the present task."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _prepare(self) -> None:
        torch.set_num_threads(self._settings.THREADS)
        torch.use_deterministic_algorithms(mode=True, warn_only=True)

    def _engine(self, key: EngineKey) -> GradientEngine:
        engine = self._engines.get(key)
        if engine is None:
            engine = self._open(key)
            self._engines[key] = engine
            while len(self._engines) > ENGINES_KEPT:
                self._engines.popitem(last=False)
        self._engines.move_to_end(key)
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
        model = read_model(self._settings.MODEL_ROOT, key, frozen, self._device)
        recompute = key.computation.recompute
        config = cast(Any, model).config
        decoder = Decoder(model, key.lora, key.value_heads, recompute=recompute, autocast=autocast)
        return GradientEngine(decoder, config, key.computation.memory_budget, recompute=recompute)


def refuse_if(cancelled: Callable[[], bool]) -> Callable[[], None]:
    """Returns a function that raises RpcError CANCELLED once nobody waits for the result."""

    def proceed() -> None:
        if cancelled():
            raise RpcError(grpc.StatusCode.CANCELLED, "the caller has cancelled the call, or its deadline has passed")

    return proceed
