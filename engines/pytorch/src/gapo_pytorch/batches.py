"""Batches of sequences: padded token ids, and the position that predicts each completion token.

A shard is split into micro-batches of similar lengths, each within a memory budget. The split is a function of the sequences'
lengths and the model alone, and gradients are summed in its order.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .errors import invalid

RUN_OVERHEAD_TOKENS = 256
"""The fixed cost of a micro-batch, in tokens."""


@dataclass(frozen=True)
class TokenSequence:
    """A prompt and its completion, as token ids."""

    prompt: tuple[int, ...]
    completion: tuple[int, ...]

    @property
    def length(self) -> int:
        """Tokens of both."""
        return len(self.prompt) + len(self.completion)


@dataclass(frozen=True)
class Batch:
    """B sequences, padded on the right to T tokens, with N completion tokens in all."""

    ids: Tensor
    """int64 [B, T]; padding is 0, and no real token attends to it."""
    rows: Tensor
    """int64 [N]: the position b · T + t that predicts each completion token."""
    targets: Tensor
    """int64 [N]: the completion tokens."""
    sequence_of: Tensor
    """int64 [N]: the sequence of each completion token."""


def check_sequences(sequences: Sequence[TokenSequence], context: int, vocabulary: int) -> None:
    """Raises RpcError INVALID_ARGUMENT that names the sequence which is empty, too long, or has an id that no token has."""
    for index, sequence in enumerate(sequences):
        where = f"sequences[{index}]"
        if not sequence.prompt:
            raise invalid(f"{where}.prompt_ids is empty; it needs at least the first token")
        if not sequence.completion:
            raise invalid(f"{where}.completion_ids is empty")
        if sequence.length > context:
            raise invalid(f"{where} has {sequence.length} tokens, more than the model's context of {context}")
        for field, ids in (("prompt_ids", sequence.prompt), ("completion_ids", sequence.completion)):
            largest = max(ids)
            if largest >= vocabulary:
                raise invalid(f"{where}.{field} has {largest}; the model's ids are below {vocabulary}")


def to_batch(sequences: Sequence[TokenSequence], device: torch.device) -> Batch:
    """Makes a batch of sequences that were checked."""
    length = max(sequence.length for sequence in sequences)
    ids = torch.zeros(len(sequences), length, dtype=torch.int64)
    rows: list[int] = []
    targets: list[int] = []
    sequence_of: list[int] = []
    for b, sequence in enumerate(sequences):
        ids[b, : sequence.length] = torch.tensor(sequence.prompt + sequence.completion)
        first = b * length + len(sequence.prompt) - 1
        rows += range(first, first + len(sequence.completion))
        targets += sequence.completion
        sequence_of += [b] * len(sequence.completion)
    indices = (torch.tensor(values, device=device) for values in (rows, targets, sequence_of))
    return Batch(ids.to(device), *indices)


def micro_batches(sequences: Sequence[TokenSequence], fits: Callable[[int, int, int], bool]) -> list[list[int]]:
    """Groups sequences into lists of their indices.

    Of all splits of the sequences, ordered by length, whose parts fit, returns the one with the fewest tokens, counting padding
    and a fixed cost for each part. fits(rows, length, completions) says whether a part fits; a single sequence always does.
    """
    order = sorted(range(len(sequences)), key=lambda index: sequences[index].length)
    best: list[tuple[int, int]] = [(0, 0)]  # the lowest cost of the first sequences, and where their last part begins
    for end in range(1, len(order) + 1):
        length = sequences[order[end - 1]].length
        completions = 0
        least: tuple[int, int] | None = None
        for start in range(end - 1, -1, -1):
            rows = end - start
            completions += len(sequences[order[start]].completion)
            if rows > 1 and not fits(rows, length, completions):
                break
            cost = best[start][0] + rows * length + RUN_OVERHEAD_TOKENS
            if least is None or cost < least[0]:
                least = (cost, start)
        if least is None:
            raise AssertionError("a single sequence is always a part")
        best.append(least)
    parts: list[list[int]] = []
    end = len(order)
    while end > 0:
        start = best[end][1]
        parts.insert(0, sorted(order[start:end]))
        end = start
    return parts


def dealt(sequences: Sequence[TokenSequence], size: int) -> list[list[int]]:
    """Deals sequences to processes, ordered by length in turn: lists of their indices."""
    order = sorted(range(len(sequences)), key=lambda index: sequences[index].length)
    return [sorted(order[rank::size]) for rank in range(size)]


LOGITS_KEPT = {"layers": 6, "inputs": 6, "nothing": 5}
"""Arrays of [completion tokens, vocabulary] at a time: logits, cooled, log-probabilities, and two for the entropy; gradients."""


def activation_bytes(
    config: Any, rows: int, length: int, completions: int, *, keeps: str, element: int = 4, product: int = 4
) -> int:
    """Estimates the activations of a micro-batch in bytes, without weights, adapters and gradients.

    keeps: `layers` for a backward pass, `inputs` where it recomputes each layer, `nothing` without one. element: bytes of a
    number in norms and log-probabilities. product: bytes of an operand of matrix products.

    Per token, a layer keeps the inputs of its two norms (2 · width elements); their outputs, queries, keys, values, the output of
    attention, and four arrays of the feed-forward layer (gate, its activation, up, their product) as operands. One more layer
    is being computed. Adapters are what keeps the operands: frozen weights have no gradients that need them.
    """
    width = int(config.hidden_size)
    feed_forward = int(getattr(config, "intermediate_size", None) or 4 * width)
    layers = int(config.num_hidden_layers)
    heads = int(config.num_attention_heads)
    shared = int(getattr(config, "num_key_value_heads", None) or heads)
    head_width = int(getattr(config, "head_dim", None) or width // heads)
    operands = 2 * width + 2 * (heads + shared) * head_width + 4 * feed_forward
    layer = 2 * element * width + product * operands
    kept = {"layers": layers * layer, "inputs": layers * product * width + layer, "nothing": 0}[keeps]
    return rows * length * (kept + layer) + LOGITS_KEPT[keeps] * element * completions * int(config.vocab_size)
