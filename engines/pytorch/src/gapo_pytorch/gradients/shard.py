"""What ComputeGradients asks for: a shard of the batch, and its losses. Read from the request and checked whole."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from gapo.gradient.v1 import gradient_pb2 as pb
from gapo.tensor.v1.tensor_pb2 import Tensor

from ..batches import TokenSequence
from ..errors import invalid
from ..wire.tensors import read_floats

REGULARIZER = "regularizer"
"""The name of the regularizer's gradient on the wire."""

Floats = NDArray[np.float32]


class Source(Enum):
    """What is computed of the objectives' gradients."""

    EXACT = pb.GRADIENT_SOURCE_EXACT
    LAST_LAYER = pb.GRADIENT_SOURCE_LAST_LAYER
    LOGITS = pb.GRADIENT_SOURCE_LOGITS
    PROJECTION = pb.GRADIENT_SOURCE_PROJECTION


@dataclass(frozen=True)
class Critics:
    """The value loss ½(V − R)². Arrays are [tokens, heads]."""

    coefficient: float
    clip: float
    old_values: Floats
    returns: Floats


@dataclass(frozen=True)
class Shard:
    """A shard's data. Arrays over tokens run through all sequences' completion tokens, in order."""

    sequences: tuple[TokenSequence, ...]
    objectives: tuple[str, ...]
    advantages: Floats
    """[sequences, K] or [tokens, K]."""
    per_sequence: bool
    old_logprobs: Floats
    """[tokens]."""
    reference_logprobs: Floats | None
    """[tokens]; there where kl_coefficient is not 0."""
    critics: Critics | None
    denominator: float
    temperature: float
    clip_range: float
    kl_coefficient: float
    entropy_coefficient: float
    source: Source
    projection_dimensions: int
    projection_seed: int

    @property
    def regularized(self) -> bool:
        """Whether the regularizer's gradient is asked for."""
        coefficients = self.kl_coefficient != 0 or self.entropy_coefficient != 0
        return self.source is Source.EXACT and (coefficients or self.critics is not None)

    def part(self, indices: Sequence[int]) -> "Shard":
        """Selects some of the sequences."""
        ends = np.cumsum([len(sequence.completion) for sequence in self.sequences])
        tokens = np.concatenate([np.arange(ends[i] - len(self.sequences[i].completion), ends[i]) for i in indices])
        reference, critics = self.reference_logprobs, self.critics
        return replace(
            self,
            sequences=tuple(self.sequences[i] for i in indices),
            advantages=self.advantages[list(indices) if self.per_sequence else tokens],
            old_logprobs=self.old_logprobs[tokens],
            reference_logprobs=None if reference is None else reference[tokens],
            critics=None
            if critics is None
            else replace(critics, old_values=critics.old_values[tokens], returns=critics.returns[tokens]),
        )


def read_sequences(sequences: Sequence[pb.Sequence]) -> tuple[TokenSequence, ...]:
    """Reads a request's sequences. Raises RpcError INVALID_ARGUMENT where there is none."""
    if len(sequences) == 0:
        raise invalid("sequences is empty; a shard has at least one")
    return tuple(TokenSequence(tuple(s.prompt_ids), tuple(s.completion_ids)) for s in sequences)


def read_shard(request: pb.ComputeGradientsRequest, value_heads: int) -> Shard:
    """Reads a request's shard. Raises RpcError INVALID_ARGUMENT that names the field."""
    if not request.HasField("loss"):
        raise invalid("loss is not set")
    loss = request.loss
    objectives = tuple(loss.objectives)
    if not objectives:
        raise invalid("loss.objectives is empty; name at least one")
    if REGULARIZER in objectives:
        raise invalid(
            f"loss.objectives has '{REGULARIZER}', the name of the regularizer's gradient; rename the objective"
        )
    sequences = read_sequences(request.sequences)
    tokens = sum(len(sequence.completion) for sequence in sequences)
    k = len(objectives)
    advantages = read_floats(_set(request, "advantages"), "advantages")
    rows = advantages.shape[0] if advantages.ndim == 2 else -1
    if advantages.ndim != 2 or advantages.shape[1] != k or rows not in (len(sequences), tokens):
        raise invalid(
            f"advantages is {list(advantages.shape)}; it must be [{len(sequences)} sequences, {k}] or [{tokens} tokens, {k}]"
        )
    if not loss.denominator > 0 or not np.isfinite(loss.denominator):
        raise invalid(f"loss.denominator is {loss.denominator}; it must be above 0")
    for name in ("clip_range", "kl_coefficient", "entropy_coefficient", "value_coefficient", "value_clip"):
        if not np.isfinite(getattr(loss, name)):
            raise invalid(f"loss.{name} is {getattr(loss, name)}; it must be finite")
    source = _source(loss)
    if source is Source.PROJECTION and loss.projection_dimensions < 1:
        raise invalid("loss.projection_dimensions is 0; it must be a whole number of at least 1")
    reference = request.HasField("reference_logprobs")
    if loss.kl_coefficient != 0 and not reference:
        raise invalid("reference_logprobs is not set; with loss.kl_coefficient other than 0 it is required")
    return Shard(
        sequences=sequences,
        objectives=objectives,
        advantages=advantages,
        # With one token per sequence both readings are the same, and the shared pass is cheaper.
        per_sequence=rows == len(sequences),
        old_logprobs=_by_token(request, "old_logprobs", (tokens,)),
        reference_logprobs=_by_token(request, "reference_logprobs", (tokens,)) if reference else None,
        critics=_critics(request, tokens, value_heads),
        denominator=loss.denominator,
        temperature=read_temperature(loss.temperature, "loss.temperature"),
        clip_range=loss.clip_range,
        kl_coefficient=loss.kl_coefficient,
        entropy_coefficient=loss.entropy_coefficient,
        source=source,
        projection_dimensions=loss.projection_dimensions,
        projection_seed=loss.projection_seed,
    )


def read_temperature(temperature: float, field: str) -> float:
    """Checks a temperature. Raises RpcError INVALID_ARGUMENT unless it is finite and above 0."""
    if not temperature > 0 or not np.isfinite(temperature):
        raise invalid(f"{field} is {temperature}; log-probabilities need one above 0")
    return temperature


def _source(loss: pb.LossSpec) -> Source:
    if loss.source == pb.GRADIENT_SOURCE_UNSPECIFIED:
        return Source.EXACT
    try:
        return Source(loss.source)
    except ValueError as error:
        raise invalid(f"loss.source is {loss.source}, which this release does not know") from error


def _critics(request: pb.ComputeGradientsRequest, tokens: int, heads: int) -> Critics | None:
    if heads == 0 and not request.HasField("returns"):
        return None
    return Critics(
        coefficient=request.loss.value_coefficient,
        clip=request.loss.value_clip,
        old_values=_by_token(request, "old_values", (tokens, heads)),
        returns=_by_token(request, "returns", (tokens, heads)),
    )


def _by_token(request: pb.ComputeGradientsRequest, field: str, shape: tuple[int, ...]) -> Floats:
    values = read_floats(_set(request, field), field)
    if values.shape != shape:
        raise invalid(f"{field} is {list(values.shape)}; this shard needs {list(shape)}")
    return values


def _set(request: pb.ComputeGradientsRequest, field: str) -> Tensor | None:
    return getattr(request, field) if request.HasField(field) else None
