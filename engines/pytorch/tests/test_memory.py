"""The estimate of a micro-batch's activations, against the tensors that live at the same time while the decoder runs."""

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import LlamaConfig, LlamaForCausalLM

from gapo_pytorch.batches import TokenSequence, activation_bytes, to_batch
from gapo_pytorch.policy.decoder import Decoder
from gapo_pytorch.policy.spec import LoraSpec

TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
ROWS, OBJECTIVES = 4, 2


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of the tensors that operators have made, while they live. A view of a model's tensor makes none."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.now = self.peak = 0
        held = [*model.parameters(), *model.buffers()]
        self._seen = {tensor.untyped_storage()._cdata for tensor in held}

    def __torch_dispatch__(self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                self._count(tensor.untyped_storage())
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._seen:
            return
        self._seen.add(key)
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._drop, key, size)

    def _drop(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self.now -= size


SHAPES = {
    "layers": {"vocab_size": 500, "prompt": 192, "completion": 64},
    "grouped queries": {"vocab_size": 500, "prompt": 192, "completion": 64, "num_key_value_heads": 1},
    "logits": {"vocab_size": 20_000, "prompt": 16, "completion": 96},
}


def config_of(shape: dict[str, int]) -> LlamaConfig:
    sizes = {"num_key_value_heads": 4, **shape}
    return LlamaConfig(
        vocab_size=sizes["vocab_size"],
        hidden_size=128,
        intermediate_size=352,
        num_hidden_layers=6,
        num_attention_heads=4,
        num_key_value_heads=sizes["num_key_value_heads"],
    )


def measured(config: LlamaConfig, shape: dict[str, int], dtype: torch.dtype, keeps: str) -> int:
    """The largest number of bytes beside weights, adapters and gradients."""
    sequence = TokenSequence((1,) * shape["prompt"], (2,) * shape["completion"])
    model = LlamaForCausalLM(config).to(dtype).eval().requires_grad_(requires_grad=False)
    half = None if dtype == torch.float32 else dtype
    decoder = Decoder(model, LoraSpec(4, 8, TARGETS), 0, recompute=keeps == "inputs", autocast=half)
    trained = sum(torch.Size(shape).numel() for shape in decoder.shapes.values())
    batch = to_batch([sequence] * ROWS, decoder.device)
    gc.collect()
    with LiveBytes(model) as live:
        if keeps == "nothing":
            with torch.no_grad():
                decoder.run(batch, 1.0)
            return live.peak
        outputs = decoder.run(batch, 1.0)
        forward, live.peak = live.peak, live.now
        weights = torch.ones(ROWS, OBJECTIVES)
        seeds = [(outputs.logprobs, torch.ones_like(outputs.logprobs))]
        decoder.backward(seeds, weights, batch, frozenset(decoder.shapes), keep_graph=False)
        return max(forward, live.peak - 4 * OBJECTIVES * trained)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("keeps", ["layers", "inputs", "nothing"])
@pytest.mark.parametrize("what", sorted(SHAPES))
def test_the_estimate_bounds_what_is_measured(what: str, keeps: str, dtype: torch.dtype) -> None:
    shape = SHAPES[what]
    config = config_of(shape)
    length, completions = shape["prompt"] + shape["completion"], ROWS * shape["completion"]
    estimate = activation_bytes(config, ROWS, length, completions, keeps=keeps, product=dtype.itemsize)
    found = measured(config, shape, dtype, keeps)
    assert found <= 1.02 * estimate
    assert found >= {"layers": 0.75, "inputs": 0.4, "nothing": 0.4}[keeps] * estimate


def test_estimates_by_hand() -> None:
    """The same numbers as in services/lib/model/sizing/pytorch.spec.ts, which plans with the same formula."""
    config = LlamaConfig(
        vocab_size=100,
        hidden_size=8,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
    )
    # A layer of a token: 2·8 numbers in norms; 2·8 + 2·3·4 + 4·16 operands.
    single, half = 4 * 16 + 4 * 104, 4 * 16 + 2 * 104
    sizes = (3, 5, 7)
    assert activation_bytes(config, *sizes, keeps="layers") == 15 * 3 * single + 6 * 4 * 700
    assert activation_bytes(config, *sizes, keeps="layers", product=2) == 15 * 3 * half + 6 * 4 * 700
    assert activation_bytes(config, *sizes, keeps="inputs", product=2) == 15 * (2 * 2 * 8 + 2 * half) + 6 * 4 * 700
    assert activation_bytes(config, *sizes, keeps="nothing", product=2) == 15 * half + 5 * 4 * 700
