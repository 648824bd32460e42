"""What an engine can be asked for, as values that every process of a group gets."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from .batches import TokenSequence
from .gradients.engine import GradientEngine, ShardGradients
from .gradients.shard import Shard

T_co = TypeVar("T_co", covariant=True)


class Job(Protocol, Generic[T_co]):
    """Work for an engine."""

    def run(self, engine: GradientEngine, proceed: Callable[[], None]) -> T_co:
        """Computes. proceed() is called between parts; it raises an error to end the work."""


@dataclass(frozen=True)
class LogProbs:
    """Log-probabilities [N] and values [N, heads] of completions."""

    sequences: tuple[TokenSequence, ...]
    temperature: float

    def run(
        self, engine: GradientEngine, proceed: Callable[[], None]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Computes."""
        return engine.log_probs(self.sequences, self.temperature, proceed)


@dataclass(frozen=True)
class Gradients:
    """The gradients of a shard."""

    shard: Shard

    def run(self, engine: GradientEngine, proceed: Callable[[], None]) -> ShardGradients:
        """Computes."""
        return engine.compute(self.shard, proceed)


@dataclass(frozen=True)
class Gram:
    """The Gram matrix [K, K] at the logits."""

    shard: Shard

    def run(self, engine: GradientEngine, proceed: Callable[[], None]) -> NDArray[np.float64]:
        """Computes."""
        return engine.gram(self.shard, proceed)
