"""The slopes of the losses: the gradients with which the backward pass begins, as ascent directions.

The losses and their formulas are those of services/lib/objectives/losses. Sums over tokens are divided by the batch's
denominator after the backward pass, so that slopes do not vanish in half precision.
"""

import torch
from torch import Tensor

LOG_RATIO_LIMIT = 20.0
"""The bound on |ln r|: e²⁰ is far outside every clip range, and stays finite."""


def importance_ratio(logprobs: Tensor, old_logprobs: Tensor) -> Tensor:
    """r = π / π_old of each token, [N], with ln r held within ±LOG_RATIO_LIMIT."""
    return (logprobs - old_logprobs).clamp(-LOG_RATIO_LIMIT, LOG_RATIO_LIMIT).exp()


def clipped(ratio: Tensor, advantages: Tensor, clip_range: float) -> Tensor:
    """Whether PPO's clip is active, bool [N, K]: the ratio has moved further than ε in the direction of the advantage."""
    r = ratio[:, None]
    return ((advantages > 0) & (r > 1 + clip_range)) | ((advantages < 0) & (r < 1 - clip_range))


def surrogate_slope(ratio: Tensor, advantages: Tensor, clip_range: float) -> Tensor:
    """∂J/∂ln π of PPO's clipped surrogate for each token and objective: [N, K]."""
    return torch.where(clipped(ratio, advantages, clip_range), 0, ratio[:, None] * advantages)


def kl_slope(logprobs: Tensor, reference_logprobs: Tensor, coefficient: float) -> Tensor:
    """The slope of −β·½(ln π − ln π_ref)² in ln π: [N]."""
    return coefficient * (reference_logprobs - logprobs)


def value_slope(values: Tensor, old_values: Tensor, returns: Tensor, coefficient: float, clip: float) -> Tensor:
    """The slope of −c·max(½(V − R)², ½(V′ − R)²) in V: [N, heads].

    V′ is V held within ±clip of the old value; clip 0 leaves it free.
    """
    error = returns - values
    if clip > 0:
        held = returns - values.clamp(old_values - clip, old_values + clip)  # exactly the error where the value is free
        error = torch.where(error.square() >= held.square(), error, 0)
    return coefficient * error
