"""The Gram matrix of the objectives' gradients at the logits, without a backward pass.

MGDA-UB (Sener and Koltun 2018, arXiv 1810.04650) with the logits as the shared representation. The gradient of s·ln p(target)
at a token's logits is s·(onehot − p), whose squared norm is s²·(1 − 2·p(target) + Σ p²). No two tokens share logits, so
⟨g_i, g_j⟩ = Σ_n s_in · s_jn · (1 − 2·p_n(target) + Σ p_n²).

Where a soft cap bounds the logits, gradients are taken at its input, and each passes through the cap's slope
c = 1 − (logit / cap)². The squared norm is then s²·(c(target)²·(1 − 2·p(target)) + Σ c²·p²).
"""

import numpy as np
import torch
from numpy.typing import NDArray

from ..batches import Batch
from ..policy.decoder import TokenOutputs
from .losses import importance_ratio, surrogate_slope
from .shard import Shard


def gram_of_logits(shard: Shard, batch: Batch, outputs: TokenOutputs, cap: float | None) -> NDArray[np.float64]:
    """The Gram matrix [K, K] of a micro-batch. cap: that of the model's logits, if it has one."""
    logp = outputs.cooled.log_softmax(-1).double()  # [N, vocabulary]
    p = logp.exp()
    target = batch.targets[:, None]
    at_target = p.gather(-1, target)[:, 0]  # [N]
    if cap is None:
        norms = 1 - 2 * at_target + p.square().sum(-1)
    else:
        slope = 1 - (outputs.cooled.double() * shard.temperature / cap).square()  # [N, vocabulary]
        own = slope.gather(-1, target)[:, 0].square()
        norms = own * (1 - 2 * at_target) + (slope * p).square().sum(-1)
    logprobs = logp.gather(-1, target)[:, 0]
    old = torch.tensor(shard.old_logprobs, dtype=torch.float64, device=logprobs.device)
    advantages = torch.tensor(shard.advantages, dtype=torch.float64, device=logprobs.device)
    if shard.per_sequence:
        advantages = advantages[batch.sequence_of]
    slopes = (
        surrogate_slope(importance_ratio(logprobs, old), advantages, shard.clip_range) / shard.denominator
    )  # [N, K]
    gram: NDArray[np.float64] = (slopes.t() @ (slopes * norms[:, None])).cpu().numpy()
    return gram
