"""Computes log-probabilities, and the gradients of a shard by the fewest backward passes that are exact."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..batches import Batch, TokenSequence, activation_bytes, check_sequences, dealt, micro_batches, to_batch
from ..group import Alone, Group
from ..policy.decoder import Decoder, TokenOutputs, flattened
from .gram import gram_of_logits
from .losses import importance_ratio, kl_slope, surrogate_slope, value_slope
from .projection import project
from .shard import Shard, Source
from .statistics import ShardStatistics, statistics

Floats = NDArray[np.float32]
Found = dict[str, Tensor]
"""[K, ...] by the parameter's name."""


@dataclass(frozen=True)
class ShardGradients:
    """The flat gradients of a shard."""

    parameters: Mapping[str, tuple[int, ...]]
    """The trained tensors that each flat gradient concatenates; empty where it is projected."""
    objectives: list[Floats]
    regularizer: Floats | None
    statistics: ShardStatistics


class GradientEngine:
    """Computes with one decoder. Calls must not overlap.

    `proceed` is called between micro-batches; it raises an error to end the work.
    """

    def __init__(
        self,
        decoder: Decoder,
        config: Any,
        memory_budget: int,
        *,
        recompute: bool = False,
        group: Group | None = None,
    ) -> None:
        """`config` is the model's, `memory_budget` in MiB of each process of the group. @default a process alone"""
        self._group = group or Alone()
        self._decoder = decoder
        self._config = config
        self._budget = memory_budget * 2**20
        self._recompute = recompute
        self.loaded: object = None
        """The identity of the version whose tensors are set."""

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The trained tensors' shapes, by name."""
        return self._decoder.shapes

    def load(self, identity: object, version: Mapping[str, Floats]) -> None:
        """Sets the trained tensors, unless those of the same identity are set. The identity includes the order of tensors."""
        if identity == self.loaded:
            return
        self.loaded = None
        self._decoder.load(version)
        self.loaded = identity

    def log_probs(
        self, sequences: tuple[TokenSequence, ...], temperature: float, proceed: Callable[[], None]
    ) -> tuple[Floats, Floats | None]:
        """Log-probabilities [N] and, with value heads, values [N, heads] of all completion tokens, in order."""
        self._check(sequences)
        logprobs: dict[int, Floats] = {}
        values: dict[int, Floats] = {}
        for indices, _ in self._rounds(sequences, "nothing"):
            proceed()
            part = [sequences[index] for index in indices]
            with torch.no_grad():
                outputs = self._decoder.run(to_batch(part, self._decoder.device), temperature)
            ends = np.cumsum([len(sequence.completion) for sequence in part])[:-1]
            for index, own in zip(indices, np.split(_floats(outputs.logprobs), ends), strict=True):
                logprobs[index] = own
            if outputs.values is not None:
                for index, own in zip(indices, np.split(_floats(outputs.values), ends), strict=True):
                    values[index] = own
        for others, other_values in self._group.gather((logprobs, values)):
            logprobs |= others
            values |= other_values
        in_order = range(len(sequences))
        whole = np.concatenate([logprobs[index] for index in in_order])
        return whole, np.concatenate([values[index] for index in in_order]) if values else None

    def compute(self, shard: Shard, proceed: Callable[[], None]) -> ShardGradients:
        """The gradients: the sum over the shard's micro-batches, in order."""
        self._check(shard.sequences)
        shapes = self._decoder.shapes
        if shard.source is Source.LAST_LAYER:
            prefix = self._decoder.layer_prefix
            shapes = {name: shape for name, shape in shapes.items() if prefix in name}
        objectives: Found = {}
        regularizer: Found = {}
        total: ShardStatistics | None = None
        for indices, counts in self._rounds(shard.sequences, "inputs" if self._recompute else "layers"):
            proceed()
            part = shard.part(indices)
            own, regularizing, counted = self._micro_batch(part, frozenset(shapes))
            if counts:
                _add(objectives, own)
                _add(regularizer, regularizing)
                total = counted if total is None else total + counted
        objectives = self._sum(objectives, shapes, len(shard.objectives))
        if shard.regularized:
            regularizer = self._sum(regularizer, shapes, 1)
        whole = reduce(add, (counted for counted in self._group.gather(total) if counted is not None))
        flat = [_flat(shapes, objectives, k, shard.denominator) for k in range(len(shard.objectives))]
        if shard.source is Source.PROJECTION:
            flat = [project(gradient, shard.projection_dimensions, shard.projection_seed) for gradient in flat]
        return ShardGradients(
            parameters={} if shard.source is Source.PROJECTION else shapes,
            objectives=flat,
            regularizer=_flat(shapes, regularizer, 0, shard.denominator) if shard.regularized else None,
            statistics=whole,
        )

    def gram(self, shard: Shard, proceed: Callable[[], None]) -> NDArray[np.float64]:
        """The Gram matrix [K, K] of the gradients at the logits."""
        self._check(shard.sequences)
        total = np.zeros((len(shard.objectives),) * 2)  # float64
        cap = getattr(self._config, "final_logit_softcapping", None)
        for indices, counts in self._rounds(shard.sequences, "nothing"):
            proceed()
            part = shard.part(indices)
            batch = to_batch(part.sequences, self._decoder.device)
            with torch.no_grad():
                outputs = self._decoder.run(batch, part.temperature)
                gram = gram_of_logits(part, batch, outputs, cap)
            if counts:
                total += gram
        return sum(self._group.gather(total), start=np.zeros_like(total))

    def _micro_batch(self, shard: Shard, wanted: frozenset[str]) -> tuple[Found, Found, ShardStatistics]:
        """Runs the decoder once, and as many backward passes as the losses need."""
        decoder, device = self._decoder, self._decoder.device
        batch = to_batch(shard.sequences, device)
        last = shard.source is Source.LAST_LAYER
        seeded = shard.regularized and shard.entropy_coefficient != 0
        outputs = decoder.run(batch, shard.temperature, entropy=seeded, only_last=last)
        counted = statistics(
            shard, _doubles(outputs.logprobs), _doubles(outputs.entropy), _doubles_or_none(outputs.values)
        )
        passes = self._passes(shard, outputs, counted.clipped)
        # Critics read a detached hidden state: a policy without KL and entropy terms has no regularizing pass.
        through_policy = shard.regularized and (shard.kl_coefficient != 0 or shard.entropy_coefficient != 0)
        objectives: Found = {}
        for number, (slope, weights, k) in enumerate(passes):
            keep = through_policy or number + 1 < len(passes)
            found = decoder.backward([(outputs.logprobs, slope)], weights, batch, wanted, keep_graph=keep)
            if k is None:
                _add(objectives, found)
            else:
                _stack(objectives, found, k, len(shard.objectives))
        regularizer = self._regularizer(shard, batch, outputs, wanted) if shard.regularized else {}
        return objectives, regularizer, counted

    def _passes(
        self, shard: Shard, outputs: TokenOutputs, clipped: NDArray[np.float64]
    ) -> list[tuple[Tensor, Tensor, int | None]]:
        """The objectives' backward passes: slopes [N], weights [B, K], and the objective of a pass for one alone.

        With an advantage for each sequence, one pass serves all objectives if no token is clipped. Otherwise whether a token is
        clipped depends on the sign of the advantage, and two passes do. With an advantage for each token, each objective has one.
        """
        logprobs = outputs.logprobs.detach()
        old = self._tensor(shard.old_logprobs)
        advantages = self._tensor(shard.advantages)
        ratio = importance_ratio(logprobs, old)
        ones = torch.ones(len(shard.sequences), 1, dtype=logprobs.dtype, device=logprobs.device)
        if not shard.per_sequence:
            slopes = surrogate_slope(ratio, advantages, shard.clip_range)  # [N, K]
            return [(slopes[:, k], ones, k) for k in range(slopes.shape[1])]
        if not self._group.any(bool(clipped.any())):
            return [(ratio, advantages, None)]
        signs = torch.tensor([[1.0, -1.0]], dtype=ratio.dtype, device=ratio.device)
        positive, negative = (surrogate_slope(ratio, signs, shard.clip_range) * signs).unbind(1)  # each [N]
        return [(positive, advantages.clamp(min=0), None), (negative, advantages.clamp(max=0), None)]

    def _regularizer(self, shard: Shard, batch: Batch, outputs: TokenOutputs, wanted: frozenset[str]) -> Found:
        seeds: list[tuple[Tensor, Tensor]] = []
        if shard.kl_coefficient != 0 and shard.reference_logprobs is not None:
            reference = self._tensor(shard.reference_logprobs)
            slope = kl_slope(outputs.logprobs.detach(), reference, shard.kl_coefficient)
            seeds.append((outputs.logprobs, slope))
        if shard.entropy_coefficient != 0:
            seeds.append((outputs.entropy, torch.full_like(outputs.entropy, shard.entropy_coefficient)))
        found: Found = {}
        if seeds:
            ones = torch.ones(len(shard.sequences), 1, dtype=outputs.logprobs.dtype, device=outputs.logprobs.device)
            found = self._decoder.backward(seeds, ones, batch, wanted, keep_graph=False)
        critics = shard.critics
        if critics is not None and outputs.values is not None:
            old, returns = self._tensor(critics.old_values), self._tensor(critics.returns)
            slopes = value_slope(outputs.values, old, returns, critics.coefficient, critics.clip)  # [N, heads]
            found |= self._decoder.value_gradients(outputs.hidden, slopes)
        return found

    def _tensor(self, values: Floats) -> Tensor:
        return torch.tensor(values, dtype=self._decoder.dtype, device=self._decoder.device)

    def _check(self, sequences: tuple[TokenSequence, ...]) -> None:
        check_sequences(sequences, int(self._config.max_position_embeddings), int(self._config.vocab_size))

    def _rounds(self, sequences: tuple[TokenSequence, ...], keeps: str) -> list[tuple[list[int], bool]]:
        """The micro-batches of this process, as lists of indices, and whether they count.

        All processes of a group have equally many, since they gather each other's weights: one whose own sequences have ended
        runs some again, and their results do not count.
        """
        shares = dealt(sequences, self._group.size)
        splits = [
            [[share[i] for i in part] for part in self._split(tuple(sequences[i] for i in share), keeps)]
            for share in shares
        ]
        own = splits[self._group.rank]
        idle = own[0] if own else [0]
        missing = max(len(split) for split in splits) - len(own)
        return [*((part, True) for part in own), *((idle, False) for _ in range(missing))]

    def _sum(self, found: Found, shapes: Mapping[str, tuple[int, ...]], k: int) -> Found:
        """The sums of all processes' gradients."""
        if self._group.size == 1:
            return found
        dtype, device = self._decoder.dtype, self._decoder.device
        summed: Found = {}
        for name, shape in shapes.items():
            part = found.get(name)
            own = torch.zeros(k, *shape, dtype=dtype, device=device) if part is None else part.contiguous()
            summed[name] = self._group.sum(own)
        return summed

    def _split(self, sequences: tuple[TokenSequence, ...], keeps: str) -> list[list[int]]:
        sizes = {"element": self._decoder.dtype.itemsize, "product": self._decoder.weight_bytes}

        def fits(rows: int, length: int, completions: int) -> bool:
            return activation_bytes(self._config, rows, length, completions, keeps=keeps, **sizes) <= self._budget

        return micro_batches(sequences, fits)


def _add(total: Found, part: Found) -> None:
    for name, gradients in part.items():
        found = total.get(name)
        total[name] = gradients if found is None else found + gradients


def _stack(total: Found, part: Found, k: int, objectives: int) -> None:
    """Puts one objective's gradients [1, ...] at their place."""
    for name, gradients in part.items():
        if name not in total:
            total[name] = gradients.new_zeros(objectives, *gradients.shape[1:])
        total[name][k] += gradients[0]


def _flat(shapes: Mapping[str, tuple[int, ...]], found: Found, k: int, denominator: float) -> Floats:
    parts = [part / np.float32(denominator) for part in flattened(shapes, found, k)]
    flat: Floats = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    return flat


def _floats(tensor: Tensor) -> Floats:
    values: Floats = tensor.detach().to("cpu", torch.float32).numpy()
    return values


def _doubles(tensor: Tensor) -> NDArray[np.float64]:
    values: NDArray[np.float64] = tensor.detach().to("cpu", torch.float64).numpy()
    return values


def _doubles_or_none(tensor: Tensor | None) -> NDArray[np.float64] | None:
    return None if tensor is None else _doubles(tensor)
