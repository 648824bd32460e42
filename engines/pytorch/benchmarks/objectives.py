"""What K objectives cost: K = 8 over K = 1 with an advantage for each sequence, and eight backward passes of plain PyTorch.

python benchmarks/objectives.py [--device cuda] [--hidden 512 ...]

The model is a random Llama with adapters on every linear map. All ways run in turn, several times, and the median counts. The
plain passes are those of an adapter in ordinary PyTorch: one run of the decoder and eight backward passes through it.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM

from gapo_pytorch.batches import TokenSequence, to_batch
from gapo_pytorch.gradients.engine import GradientEngine
from gapo_pytorch.gradients.shard import Shard, Source
from gapo_pytorch.policy.decoder import Decoder
from gapo_pytorch.policy.spec import LoraSpec

TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
OBJECTIVES = 8


class PlainLora(nn.Module):
    """An adapter in ordinary PyTorch."""

    def __init__(self, base: nn.Linear, rank: int, scale: float) -> None:
        super().__init__()
        self.base, self.scale = base, scale
        self.a = nn.Parameter(torch.randn(rank, base.in_features, device=base.weight.device) / base.in_features)
        self.b = nn.Parameter(torch.randn(base.out_features, rank, device=base.weight.device) / rank)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the map's output plus the adapter's."""
        y: Tensor = self.base(x) + self.scale * (x @ self.a.t()) @ self.b.t()
        return y


def main() -> None:
    """Measures and prints."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    device = torch.device(arguments.device)
    config = LlamaConfig(
        vocab_size=arguments.vocabulary,
        hidden_size=arguments.hidden,
        intermediate_size=arguments.hidden * 11 // 4,
        num_hidden_layers=arguments.layers,
        num_attention_heads=arguments.hidden // 64,
        num_key_value_heads=arguments.hidden // 64,
        max_position_embeddings=arguments.length,
    )
    lora = LoraSpec(arguments.rank, 2.0 * arguments.rank, TARGETS)
    shard = _shard(arguments)
    engine = _engine(config, lora, device, shard)
    one = _with_objectives(shard, 1)
    plain = _plain(config, arguments.rank, device)
    ways: dict[str, Callable[[], object]] = {
        "K = 1": lambda: engine.compute(one, lambda: None),
        f"K = {OBJECTIVES}": lambda: engine.compute(shard, lambda: None),
        "plain PyTorch, 1 backward pass": lambda: _plain_passes(plain, one),
        f"plain PyTorch, {OBJECTIVES} backward passes": lambda: _plain_passes(plain, shard),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for repeat in range(arguments.repeats + 1):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            if device.type == "cuda":
                torch.cuda.synchronize()
            if repeat > 0:  # the first warms up
                seconds[name].append(time.perf_counter() - began)
    medians = {name: statistics.median(found) for name, found in seconds.items()}
    tokens = arguments.sequences * arguments.length
    print(
        f"Llama of width {arguments.hidden}, {arguments.layers} layers, rank {arguments.rank}; {arguments.sequences} "
        f"sequences of {arguments.length} tokens ({tokens} in all), "
        f"{device}, {arguments.threads} threads, PyTorch {torch.__version__}"
    )
    base = medians["K = 1"]
    for name, median in medians.items():
        print(f"{name:<34} {median:7.3f} s  {median / base:5.2f} × K = 1")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measures what K objectives cost.")
    defaults = {"hidden": 256, "layers": 6, "vocabulary": 4096, "rank": 16, "sequences": 16, "length": 128}
    for name, value in {**defaults, "repeats": 5, "threads": 1}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    return parser.parse_args()


def _shard(arguments: argparse.Namespace) -> Shard:
    random = np.random.default_rng(3)
    half = arguments.length // 2

    def ids() -> tuple[int, ...]:
        return tuple(int(x) for x in random.integers(1, arguments.vocabulary, half))

    sequences = tuple(TokenSequence(ids(), ids()) for _ in range(arguments.sequences))
    return Shard(
        sequences=sequences,
        objectives=tuple(str(k) for k in range(OBJECTIVES)),
        advantages=random.standard_normal((len(sequences), OBJECTIVES)).astype(np.float32),
        per_sequence=True,
        old_logprobs=np.zeros(len(sequences) * half, np.float32),
        reference_logprobs=None,
        critics=None,
        denominator=float(len(sequences) * half),
        temperature=1.0,
        clip_range=0.2,
        kl_coefficient=0,
        entropy_coefficient=0,
        source=Source.EXACT,
        projection_dimensions=0,
        projection_seed=0,
    )


def _with_objectives(shard: Shard, k: int) -> Shard:
    return replace(shard, objectives=shard.objectives[:k], advantages=shard.advantages[:, :k])


def _engine(config: LlamaConfig, lora: LoraSpec, device: torch.device, shard: Shard) -> GradientEngine:
    """An engine, whose log-probabilities become the shard's: as with RLOO, the sampling policy is the trained one."""
    torch.manual_seed(1)
    model = LlamaForCausalLM(config).eval().requires_grad_(False).to(device)
    engine = GradientEngine(Decoder(model, lora, 0), config, 1 << 20)
    random = np.random.default_rng(5)
    version = {name: (0.02 * random.standard_normal(shape)).astype(np.float32) for name, shape in engine.shapes.items()}
    engine.load("version", version)
    logprobs, _ = engine.log_probs(shard.sequences, 1.0, lambda: None)
    shard.old_logprobs[:] = logprobs
    return engine


def _plain(config: LlamaConfig, rank: int, device: torch.device) -> LlamaForCausalLM:
    torch.manual_seed(1)
    model = LlamaForCausalLM(config).eval().requires_grad_(False).to(device)
    for name, module in list(model.named_modules()):
        if name.rpartition(".")[2] in TARGETS:
            parent, _, last = name.rpartition(".")
            setattr(model.get_submodule(parent), last, PlainLora(module, rank, 2.0))
    return model


def _plain_passes(model: LlamaForCausalLM, shard: Shard) -> list[Tensor]:
    """One run of the decoder and a backward pass for each objective, on the predicting rows alone as the engine does."""
    device = next(model.parameters()).device
    batch = to_batch(shard.sequences, device)
    hidden = model.model(input_ids=batch.ids, use_cache=False).last_hidden_state.flatten(0, 1)[batch.rows]
    logp = model.lm_head(hidden).log_softmax(-1).gather(-1, batch.targets[:, None])[:, 0]
    ratio = (logp - logp.detach()).exp()
    advantages = torch.tensor(shard.advantages, device=device)[batch.sequence_of]
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    flat = []
    for k in range(advantages.shape[1]):
        loss = torch.minimum(ratio * advantages[:, k], ratio.clamp(0.8, 1.2) * advantages[:, k]).sum()
        found = torch.autograd.grad(loss / shard.denominator, trained, retain_graph=k + 1 < advantages.shape[1])
        flat.append(torch.cat([gradient.flatten() for gradient in found]).cpu())
    return flat


if __name__ == "__main__":
    main()
