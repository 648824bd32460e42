"""Gradients by plain PyTorch: transformers' Llama, PEFT's adapters, one backward pass for each objective.

python torch_gradients.py DIRECTORY THREADS

The directory has the decoder, its adapters (adapter.safetensors) and batches (batches.json): sequences, advantages of each
objective, old log-probabilities. Every kind returns the norm of each objective's gradient, by which the parent checks that both
compute the same.
"""

import json
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import peft
import torch
import transformers
from safetensors.torch import load_file
from torch import Tensor, nn
from torchjd.aggregation import MGDA
from torchjd.autojac import backward, jac_to_grad

from peer import Kind, serve

directory, threads = Path(sys.argv[1]), int(sys.argv[2])
torch.set_num_threads(threads)


class Batch:
    """Sequences, padded on the right, and the numbers that PPO's surrogate has for each."""

    def __init__(self, described: dict[str, Any]) -> None:
        sequences = described["sequences"]
        longest = max(len(each["promptIds"]) + len(each["completionIds"]) for each in sequences)
        self.ids = torch.zeros(len(sequences), longest, dtype=torch.long)
        self.attention = torch.zeros_like(self.ids)
        self.kept = longest - min(len(each["promptIds"]) for each in sequences)
        self.predicted = torch.zeros(len(sequences), longest - 1, dtype=torch.bool)
        for row, each in enumerate(sequences):
            prompt, whole = len(each["promptIds"]), [*each["promptIds"], *each["completionIds"]]
            self.ids[row, : len(whole)] = torch.tensor(whole)
            self.attention[row, : len(whole)] = 1
            self.predicted[row, prompt - 1 : len(whole) - 1] = True
        self.predicted = self.predicted[:, -self.kept :]
        self.advantages = torch.tensor(described["advantages"])  # [B, K]
        self.old = torch.full(self.predicted.shape, float(described["oldLogprob"]))
        self.tokens = int(self.predicted.sum())

    def surrogates(self, model: nn.Module, count: int) -> Tensor:
        """The surrogates of the first objectives, [count]; no token is clipped."""
        ratio = (self.logprobs(model) - self.old).exp()  # [B, kept]
        per_sequence = torch.where(self.predicted, ratio, 0.0).sum(1)  # [B]
        return self.advantages[:, :count].T @ per_sequence / self.tokens

    def logprobs(self, model: nn.Module) -> Tensor:
        """The log-probabilities of the last tokens, which hold every completion, [B, kept]. Others need no logits."""
        out = model(input_ids=self.ids, attention_mask=self.attention, use_cache=False, logits_to_keep=self.kept + 1)
        logits = out.logits[:, :-1]
        return logits.log_softmax(-1).gather(-1, self.ids[:, -self.kept :, None]).squeeze(-1)


def adapted() -> tuple[nn.Module, list[Tensor]]:
    """The decoder with the adapters, and their parameters."""
    base = transformers.AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)
    settings = json.loads((directory / "lora.json").read_text())
    config = peft.LoraConfig(r=settings["rank"], lora_alpha=settings["alpha"], target_modules=settings["targets"])
    model = peft.get_peft_model(base, config)
    given = load_file(directory / "adapter.safetensors")
    parameters = []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        parameter.data.copy_(given.pop(name.replace(".default", "")))
        parameters.append(parameter)
    if given:
        sys.exit(f"PEFT has no {', '.join(given)}")
    return model, parameters


def passes(model: nn.Module, parameters: list[Tensor], batch: Batch, count: int) -> Kind:
    """One forward pass, and a backward pass for each objective."""

    def run() -> dict[str, Any]:
        losses = batch.surrogates(model, count)
        found = [torch.autograd.grad(loss, parameters, retain_graph=k + 1 < count) for k, loss in enumerate(losses)]
        return {"norms": [float(torch.cat([each.flatten() for each in one]).norm()) for one in found]}

    return run


def jacobian(model: nn.Module, parameters: list[Tensor], batch: Batch, count: int) -> Kind:
    """TorchJD: the Jacobian of all objectives, batched over them, and MGDA's direction."""

    def run() -> None:
        backward(list(batch.surrogates(model, count)), inputs=parameters)
        jac_to_grad(parameters, MGDA())
        for parameter in parameters:
            parameter.grad = None

    return run


def forward(model: nn.Module, batch: Batch) -> Kind:
    """Log-probabilities alone."""

    def run() -> None:
        with torch.no_grad():
            batch.logprobs(model)

    return run


def kinds() -> Iterator[tuple[str, Kind]]:
    """Every kind by its name."""
    model, parameters = adapted()
    batches = {name: Batch(each) for name, each in json.loads((directory / "batches.json").read_text()).items()}
    rows, prompts = batches["rows"], batches["prompts"]
    whole = transformers.AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)
    yield "forward", forward(model, rows)
    yield "whole", passes(whole, list(whole.parameters()), rows, 1)
    for count in (1, 2, 4, 8):
        yield f"gradients.{count}", passes(model, parameters, rows, count)
        if count > 1:
            yield f"torchjd.{count}", jacobian(model, parameters, rows, count)
    yield "prompts.1", passes(model, parameters, prompts, 1)
    compiled = torch.compile(model, dynamic=False)
    yield "compiled.1", passes(compiled, parameters, rows, 1)


serve(
    {
        "PyTorch": torch.__version__,
        "transformers": transformers.__version__,
        "PEFT": peft.__version__,
        "TorchJD": version("torchjd"),
    },
    dict(kinds()),
)
