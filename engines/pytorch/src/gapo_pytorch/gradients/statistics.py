"""Sums over a shard's tokens, in float64."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .losses import LOG_RATIO_LIMIT
from .shard import Shard

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class ShardStatistics:
    """See GradientStatistics in gradient.proto."""

    tokens: int
    kl_sum: float
    entropy_sum: float
    clipped: Doubles
    """[K]."""
    max_logprob_gap: float
    value_loss_sum: Doubles
    """[heads]."""

    def __add__(self, other: "ShardStatistics") -> "ShardStatistics":
        return ShardStatistics(
            tokens=self.tokens + other.tokens,
            kl_sum=self.kl_sum + other.kl_sum,
            entropy_sum=self.entropy_sum + other.entropy_sum,
            clipped=self.clipped + other.clipped,
            max_logprob_gap=max(self.max_logprob_gap, other.max_logprob_gap),
            value_loss_sum=self.value_loss_sum + other.value_loss_sum,
        )


def statistics(shard: Shard, logprobs: Doubles, entropy: Doubles, values: Doubles | None) -> ShardStatistics:
    """The sums of a micro-batch: logprobs and entropy [N], values [N, heads]."""
    gap = logprobs - shard.old_logprobs
    ratio = np.exp(np.clip(gap, -LOG_RATIO_LIMIT, LOG_RATIO_LIMIT))[:, None]
    counts = [len(sequence.completion) for sequence in shard.sequences]
    advantages = np.repeat(shard.advantages, counts, axis=0) if shard.per_sequence else shard.advantages
    over = (advantages > 0) & (ratio > 1 + shard.clip_range)
    under = (advantages < 0) & (ratio < 1 - shard.clip_range)
    reference, critics = shard.reference_logprobs, shard.critics
    return ShardStatistics(
        tokens=len(logprobs),
        kl_sum=0.0 if reference is None else float(np.square(logprobs - reference).sum() / 2),
        entropy_sum=float(entropy.sum()),
        clipped=(over | under).sum(axis=0).astype(np.float64),
        max_logprob_gap=float(np.abs(gap).max()),
        value_loss_sum=np.zeros(0)
        if values is None or critics is None
        else np.square(values - critics.returns).sum(axis=0) / 2,
    )
