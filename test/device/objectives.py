"""What K objectives cost on a GPU: seconds and memory of one shared backward pass, and of K separate ones.

    python test/device/objectives.py [--json FILE]                     a machine with a GPU and PyTorch; no network
    python test/device/objectives.py --cpu --layers 2 --hidden 64 ...  the same steps on a CPU

The model is Mistral 7B with random weights, made on the device: bfloat16, with adapters of rank 16 on every linear map. A batch
of 64 sequences of 512 tokens runs through the gradient worker's own engine (engines/pytorch). Separate passes are those that the
worker makes where advantages belong to tokens; they get the same numbers, and the table says how far their gradients are from
the shared pass's. All ways run in turn, and the median counts.
"""

import argparse
import json
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
GIB = 2**30

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "engines/pytorch/src"))


def main() -> None:
    """Measures, prints a table, and writes JSON."""
    began = time.monotonic()
    arguments = _arguments()
    try:
        import torch
        import transformers

        from gapo_pytorch.determinism import prepare
    except ImportError as error:
        sys.exit(f"{error}; install what engines/pytorch/constraints.txt names, or put it on PYTHONPATH (docs/gpu.md)")
    if not arguments.cpu and not torch.cuda.is_available():
        sys.exit("no GPU: torch.cuda finds no device; --cpu --layers 2 --hidden 64 tries the script without one")
    device = torch.device("cpu" if arguments.cpu else "cuda")
    prepare(arguments.threads)
    engine, parameters = _engine(arguments, device)
    shard = _shard(arguments, engine)
    print(f"{_name(device)}, PyTorch {torch.__version__}, transformers {transformers.__version__}")
    print(
        f"Mistral of width {arguments.hidden}, {arguments.layers} layers, {parameters:,} parameters, "
        f"{arguments.precision}; adapters of rank {arguments.rank}; "
        f"{arguments.sequences} sequences of {arguments.length} tokens; "
        f"micro-batches within {engine.budget / GIB:.3g} GiB"
    )
    rows = _measured(arguments, engine, shard, device, began)
    _print(rows)
    if arguments.json is not None:
        found = {
            "device": _name(device),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "cuda": torch.version.cuda,
            "parameters": parameters,
            "memoryBudgetBytes": engine.budget,
            "secondsInAll": time.monotonic() - began,
            **{name: value for name, value in vars(arguments).items() if name != "json"},
            "rows": rows,
        }
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if any(row["seconds"] is None for row in rows):
        sys.exit(f"not everything was measured within {arguments.limit} s; allow more with --limit, or fewer --repeats")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measures what K objectives cost on a GPU.")
    parser.add_argument("--cpu", action="store_true", help="run on the CPU, to try the script")
    sizes = {"layers": 32, "hidden": 4096, "vocabulary": 32000, "rank": 16, "sequences": 64, "length": 512}
    for name, value in {**sizes, "repeats": 3, "threads": 1, "limit": 420}.items():
        parser.add_argument(f"--{name}", type=int, default=value, help=f"default {value}")
    parser.add_argument("--objectives", type=int, nargs="+", default=[1, 2, 4, 8], help="default 1 2 4 8")
    parser.add_argument("--precision", choices=["bfloat16", "float32"], default="bfloat16")
    parser.add_argument("--budget", type=int, help="MiB for activations; default half of the device's free memory")
    parser.add_argument("--json", type=Path, help="the file to write")
    return parser.parse_args()


class _Engine:
    """The worker's engine, and the budget of its micro-batches in bytes."""

    def __init__(self, engine: Any, budget: int) -> None:
        self.compute, self.log_probs = engine.compute, engine.log_probs
        self.budget = budget


def _engine(arguments: argparse.Namespace, device: Any) -> tuple[_Engine, int]:
    """An engine with random weights, as the worker opens it with PRECISION, and how many parameters the model has."""
    import numpy as np
    import torch
    from transformers import MistralConfig, MistralForCausalLM

    from gapo_pytorch.gradients.engine import GradientEngine
    from gapo_pytorch.policy.decoder import Decoder
    from gapo_pytorch.policy.spec import LoraSpec

    heads = max(1, arguments.hidden // 128)
    config = MistralConfig(
        vocab_size=arguments.vocabulary,
        hidden_size=arguments.hidden,
        intermediate_size=arguments.hidden * 7 // 2,
        num_hidden_layers=arguments.layers,
        num_attention_heads=heads,
        num_key_value_heads=max(1, heads // 4),
        max_position_embeddings=32768,
        rope_theta=1e6,
        sliding_window=None,
    )
    half = arguments.precision == "bfloat16"
    torch.manual_seed(1)
    with device:
        model = MistralForCausalLM._from_config(
            config, dtype=torch.bfloat16 if half else torch.float32, attn_implementation="sdpa"
        )
    model.eval().requires_grad_(False)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    lora = LoraSpec(arguments.rank, 2.0 * arguments.rank, TARGETS)
    decoder = Decoder(model, lora, 0, device=device, autocast=torch.bfloat16 if half else None)
    free = torch.cuda.mem_get_info()[0] if device.type == "cuda" else 4 * GIB
    budget = free // 2 if arguments.budget is None else arguments.budget * 2**20
    engine = GradientEngine(decoder, config, budget // 2**20)
    random = np.random.default_rng(5)
    version = {name: (0.01 * random.standard_normal(shape)).astype(np.float32) for name, shape in engine.shapes.items()}
    engine.load("version", version)
    return _Engine(engine, budget), parameters


def _shard(arguments: argparse.Namespace, engine: _Engine) -> Any:
    """The batch: random tokens, half of each sequence a prompt, and the policy's own log-probabilities."""
    import numpy as np

    from gapo_pytorch.batches import TokenSequence
    from gapo_pytorch.gradients.shard import Shard, Source

    random = np.random.default_rng(3)
    half = arguments.length // 2
    most = max(arguments.objectives)

    def ids(count: int) -> tuple[int, ...]:
        return tuple(int(x) for x in random.integers(1, arguments.vocabulary, count))

    sequences = tuple(TokenSequence(ids(half), ids(arguments.length - half)) for _ in range(arguments.sequences))
    old, _ = engine.log_probs(sequences, 1.0, lambda: None)
    return Shard(
        sequences=sequences,
        objectives=tuple(str(k) for k in range(most)),
        advantages=random.standard_normal((len(sequences), most)).astype(np.float32),
        per_sequence=True,
        old_logprobs=old,
        reference_logprobs=None,
        critics=None,
        denominator=float(len(old)),
        temperature=1.0,
        clip_range=0.2,
        kl_coefficient=0,
        entropy_coefficient=0,
        source=Source.EXACT,
        projection_dimensions=0,
        projection_seed=0,
    )


def _measured(
    arguments: argparse.Namespace, engine: _Engine, whole: Any, device: Any, began: float
) -> list[dict[str, Any]]:
    """Seconds and peak memory of each way, for each number of objectives; none of what the time limit left out."""
    import numpy as np

    ways: list[tuple[dict[str, Any], Any]] = []
    tokens = [len(sequence.completion) for sequence in whole.sequences]
    for k in arguments.objectives:
        shared = replace(whole, objectives=whole.objectives[:k], advantages=whole.advantages[:, :k])
        separate = replace(shared, per_sequence=False, advantages=np.repeat(shared.advantages, tokens, axis=0))
        for passes, shard in (("shared", shared), ("separate", separate)):
            row = {
                "objectives": k,
                "passes": passes,
                "runs": [],
                "seconds": None,
                "peakBytes": None,
                "difference": None,
            }
            ways.append((row, shard))
    gradients: dict[int, Any] = {}
    for repeat in range(arguments.repeats + 1):
        for row, shard in ways:
            if time.monotonic() - began > arguments.limit:
                break
            seconds, peak, found = _timed(engine, shard, device)
            if repeat > 0:  # the first warms up
                row["runs"].append(seconds)
                row["peakBytes"] = peak
                continue
            if row["passes"] == "shared":
                gradients[row["objectives"]] = found
            else:
                row["difference"] = _difference(found, gradients.pop(row["objectives"]))
    for row, _ in ways:
        row["seconds"] = statistics.median(row["runs"]) if row["runs"] else None
    return [row for row, _ in ways]


def _timed(engine: _Engine, shard: Any, device: Any) -> tuple[float, int | None, list[Any]]:
    """One computation: its seconds, the peak of the device's memory in bytes, and the gradients."""
    import torch

    gpu = device.type == "cuda"
    if gpu:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    start = time.perf_counter()
    found = engine.compute(shard, lambda: None).objectives
    if gpu:
        torch.cuda.synchronize()
    seconds = time.perf_counter() - start
    return seconds, torch.cuda.max_memory_allocated() if gpu else None, found


def _difference(left: list[Any], right: list[Any]) -> float:
    """The largest relative distance |l − r| / |r| of the objectives' gradients."""
    import numpy as np

    return max(
        float(np.linalg.norm(one - other) / np.linalg.norm(other)) for one, other in zip(left, right, strict=True)
    )


def _print(rows: list[dict[str, Any]]) -> None:
    """One line for each number of objectives."""
    by = {(row["objectives"], row["passes"]): row for row in rows}
    first = by[(rows[0]["objectives"], "shared")]["seconds"]

    def number(value: float | None, form: str) -> str:
        return "-" if value is None else form.format(value)

    def quotient(above: float | None, below: float | None) -> float | None:
        return None if above is None or below is None else above / below

    print(f"{'K':>2} {'one pass':>10} {'K passes':>10} {'ratio':>7} {'of first':>9} {'memory':>21} {'difference':>11}")
    for k in sorted({row["objectives"] for row in rows}):
        shared, separate = by[(k, "shared")], by[(k, "separate")]
        memory = " / ".join(number(quotient(row["peakBytes"], GIB), "{:.1f} GiB") for row in (shared, separate))
        print(
            f"{k:>2} {number(shared['seconds'], '{:.3f} s'):>10} {number(separate['seconds'], '{:.3f} s'):>10} "
            f"{number(quotient(shared['seconds'], separate['seconds']), '{:.2f}'):>7} "
            f"{number(quotient(shared['seconds'], first), '{:.2f}'):>9} {memory:>21} "
            f"{number(separate['difference'], '{:.1e}'):>11}"
        )


def _name(device: Any) -> str:
    import torch

    return torch.cuda.get_device_name() if device.type == "cuda" else "CPU"


if __name__ == "__main__":
    main()
