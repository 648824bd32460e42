"""Tiny models of every architecture, a shard, and gradients by plain autograd to compare with."""

import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.func import functional_call
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.pytorch_utils import Conv1D

from gapo_pytorch.batches import TokenSequence, to_batch
from gapo_pytorch.gradients.shard import Critics, Shard, Source
from gapo_pytorch.policy.spec import LoraSpec

torch.set_num_threads(1)

VOCABULARY = 40

LLAMA: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 32,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
GEMMA: dict[str, Any] = {**LLAMA, "head_dim": 4, "query_pre_attn_scalar": 4, "sliding_window": 4}
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "llama": {**LLAMA, "tie_word_embeddings": True},
    "mistral": {**LLAMA, "sliding_window": 4},
    "qwen2": LLAMA,
    "qwen3": {**LLAMA, "head_dim": 4},
    "gemma": {**LLAMA, "head_dim": 4},
    "gemma2": GEMMA,
    "gemma3_text": GEMMA,
    "phi3": LLAMA,
    "olmo2": LLAMA,
    "smollm3": LLAMA,
    "granite": {**LLAMA, "logits_scaling": 2.0, "residual_multiplier": 0.5},
    "gpt2": {"vocab_size": VOCABULARY, "n_embd": 16, "n_layer": 2, "n_head": 4, "n_positions": 32, "bos_token_id": 1},
}
TARGETS = {
    "gpt2": ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"),
    "phi3": ("qkv_proj", "o_proj", "gate_up_proj", "down_proj"),
}
USUAL_TARGETS = ("q_proj", "v_proj", "o_proj", "up_proj", "down_proj")


def tiny_model(architecture: str, dtype: torch.dtype = torch.float64) -> Any:
    """A random model, without gradients, that is the same at every call."""
    torch.manual_seed(5)
    config = AutoConfig.for_model(architecture, **ARCHITECTURES[architecture])
    capped = getattr(config, "attn_logit_softcapping", None) is not None
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager" if capped else "sdpa")
    with torch.no_grad():
        for parameter in model.parameters():
            # Far from uniform distributions and neutral norms.
            parameter.add_(0.2 * torch.randn(parameter.shape))
    return model.to(dtype).eval().requires_grad_(False)


def lora_of(architecture: str) -> LoraSpec:
    """Adapters of most linear maps."""
    return LoraSpec(rank=3, alpha=6.0, targets=TARGETS.get(architecture, USUAL_TARGETS))


def random_version(shapes: dict[str, tuple[int, ...]], scale: float = 0.3) -> dict[str, np.ndarray]:
    """A version's tensors, none of them zero."""
    random = np.random.default_rng(7)
    return {name: (scale * random.standard_normal(shape)).astype(np.float32) for name, shape in shapes.items()}


SEQUENCES = (
    TokenSequence((1, 5, 6), (7, 3, 2)),
    TokenSequence((1, 4), (9, 10, 8, 2)),
    TokenSequence((1, 4, 4, 3), (6,)),
    TokenSequence((1,), (3, 3, 5, 11, 30, 39)),
)
TOKENS = sum(len(sequence.completion) for sequence in SEQUENCES)


def make_shard(objectives: int = 3, *, per_sequence: bool = True, heads: int = 0) -> Shard:
    """A shard of random numbers; its old log-probabilities are to be set."""
    random = np.random.default_rng(11)

    def draw(*shape: int) -> np.ndarray:
        return random.standard_normal(shape).astype(np.float32)

    return Shard(
        sequences=SEQUENCES,
        objectives=tuple(f"objective {k}" for k in range(objectives)),
        advantages=draw(len(SEQUENCES) if per_sequence else TOKENS, objectives),
        per_sequence=per_sequence,
        old_logprobs=-np.abs(draw(TOKENS)) - 2,
        reference_logprobs=-np.abs(draw(TOKENS)) - 2,
        critics=Critics(0.7, 0.25, draw(TOKENS, heads), draw(TOKENS, heads)) if heads else None,
        denominator=float(TOKENS),
        temperature=0.8,
        clip_range=0.2,
        kl_coefficient=0.3,
        entropy_coefficient=0.1,
        source=Source.EXACT,
        projection_dimensions=0,
        projection_seed=0,
    )


@dataclass
class Plain:
    """A policy in plain PyTorch: adapters merged into the weights, one backward pass for each objective."""

    architecture: str
    lora: LoraSpec | None
    version: dict[str, np.ndarray]

    def __post_init__(self) -> None:
        self.model = copy.deepcopy(tiny_model(self.architecture))
        self.leaves = {name: torch.tensor(v, dtype=torch.float64).requires_grad_() for name, v in self.version.items()}

    def weights(self) -> dict[str, Tensor]:
        if self.lora is None:
            return {name: leaf for name, leaf in self.leaves.items() if not name.startswith("value_head")}
        merged = {}
        for name, module in self.model.named_modules():
            adapter = self.lora.adapter_of(name)
            if adapter is None:
                continue
            a, b = (self.leaves[f"base_model.model.{name}.lora_{part}.weight"] for part in "AB")
            delta = adapter.scale * b @ a
            merged[f"{name}.weight"] = module.weight + (delta.t() if isinstance(module, Conv1D) else delta)
        return merged

    def tokens(self, shard: Shard) -> tuple[Tensor, Tensor, Tensor | None]:
        """Log-probabilities and entropies [N], values [N, heads]."""
        batch = to_batch(shard.sequences, torch.device("cpu"))
        mask = torch.zeros_like(batch.ids)
        for b, sequence in enumerate(shard.sequences):
            mask[b, : sequence.length] = 1
        arguments = {"input_ids": batch.ids, "attention_mask": mask, "use_cache": False, "output_hidden_states": True}
        outputs = functional_call(self.model, self.weights(), kwargs=arguments)
        logp = (outputs.logits.flatten(0, 1)[batch.rows] / shard.temperature).log_softmax(-1)
        logprobs = logp.gather(-1, batch.targets[:, None])[:, 0]
        values = None
        if shard.critics is not None:
            hidden = outputs.hidden_states[-1].flatten(0, 1)[batch.rows].detach()
            values = hidden @ self.leaves["value_head.weight"].t() + self.leaves["value_head.bias"]
        return logprobs, -(logp.exp() * logp).sum(-1), values

    def objective(self, shard: Shard, k: int) -> dict[str, Tensor]:
        """The gradient of PPO's surrogate, by its definition."""
        logprobs, _, _ = self.tokens(shard)
        advantages = torch.tensor(shard.advantages[:, k], dtype=torch.float64)
        if shard.per_sequence:
            advantages = torch.cat(
                [a.expand(len(s.completion)) for a, s in zip(advantages, shard.sequences, strict=True)]
            )
        ratio = (logprobs - torch.tensor(shard.old_logprobs)).exp()
        held = ratio.clamp(1 - shard.clip_range, 1 + shard.clip_range)
        return self.gradients(torch.minimum(ratio * advantages, held * advantages).sum() / shard.denominator)

    def regularizer(self, shard: Shard) -> dict[str, Tensor]:
        logprobs, entropy, values = self.tokens(shard)
        assert shard.reference_logprobs is not None
        gap = logprobs - torch.tensor(shard.reference_logprobs)
        loss = shard.kl_coefficient * gap.square() / 2 - shard.entropy_coefficient * entropy
        total = loss.sum()
        if shard.critics is not None and values is not None:
            c = shard.critics
            returns, old = torch.tensor(c.returns), torch.tensor(c.old_values)
            held = old + (values - old).clamp(-c.clip, c.clip)
            total = total + c.coefficient * torch.maximum((values - returns) ** 2, (held - returns) ** 2).sum() / 2
        return self.gradients(-total / shard.denominator)

    def gradients(self, total: Tensor) -> dict[str, Tensor]:
        found = torch.autograd.grad(total, list(self.leaves.values()), allow_unused=True)
        zero = {name: torch.zeros_like(leaf) for name, leaf in self.leaves.items()}
        return zero | {name: own for name, own in zip(self.leaves, found, strict=True) if own is not None}


def with_old_logprobs(shard: Shard, logprobs: Tensor, spread: float) -> Shard:
    """The shard with ratios around 1: within the clip range if spread is small."""
    random = np.random.default_rng(13)
    noise = spread * random.uniform(-1, 1, len(logprobs))
    return replace(shard, old_logprobs=(logprobs.detach().numpy() + noise).astype(np.float32))


@pytest.fixture(scope="session")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("policy")
    tiny_model("llama", torch.float32).save_pretrained(path)
    return path


@pytest.fixture(params=sorted(ARCHITECTURES))
def architecture(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(autouse=True)
def all_of_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps float64 where transformers casts norms and softmaxes to float32, which would round both sides differently."""
    to, softmax = torch.Tensor.to, torch.nn.functional.softmax

    def wide_to(self: Tensor, *arguments: Any, **named: Any) -> Tensor:
        narrows = self.dtype == torch.float64 and arguments == (torch.float32,)
        return self if narrows else to(self, *arguments, **named)

    def wide_softmax(x: Tensor, *arguments: Any, **named: Any) -> Tensor:
        if x.dtype == torch.float64:
            named.pop("dtype", None)
        return softmax(x, *arguments, **named)

    monkeypatch.setattr(torch.Tensor, "to", wide_to)
    monkeypatch.setattr(torch.Tensor, "float", lambda self: wide_to(self, torch.float32))
    monkeypatch.setattr(torch.nn.functional, "softmax", wide_softmax)
