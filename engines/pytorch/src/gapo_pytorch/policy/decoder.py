"""A decoder with trained tensors: log-probabilities, entropies and values of completion tokens, and their K gradients."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard
from torch.utils.checkpoint import checkpoint
from transformers.pytorch_utils import Conv1D

from ..batches import Batch
from ..errors import invalid
from .contraction import Contraction, DenseProduct, LocalProduct, LoraLinear
from .spec import LoraSpec

PEFT_PREFIX = "base_model.model."
VALUE_WEIGHT, VALUE_BIAS = "value_head.weight", "value_head.bias"


@dataclass(frozen=True)
class TokenOutputs:
    """What the decoder says of N completion tokens, at the sampling temperature."""

    logprobs: Tensor
    """[N]: ln π(token)."""
    entropy: Tensor
    """[N], in nats. Differentiable where it was asked for."""
    hidden: Tensor
    """[N, width]: what the output projection reads, detached."""
    values: Tensor | None
    """[N, heads]: the value before each token. Not differentiable: see `value_gradients`."""
    cooled: Tensor
    """[N, vocabulary]: the logits, divided by the temperature."""


class Decoder:
    """A model whose trained tensors are those of a policy version."""

    def __init__(
        self,
        model: nn.Module,
        lora: LoraSpec | None,
        value_heads: int,
        *,
        device: torch.device | None = None,
        recompute: bool = False,
        autocast: torch.dtype | None = None,
        mesh: DeviceMesh | None = None,
    ) -> None:
        """Prepares a model, which then belongs to the decoder.

        device: where it runs; sharding moves the model there, otherwise it is there. @default that of the model
        autocast: the type of matrix products; None for the model's own. mesh: the processes over which frozen weights are
        sharded; in full training each process has all of them. Raises RpcError INVALID_ARGUMENT where `lora` names no
        module of the model.
        """
        self._model = cast(Any, model)
        self._contraction = Contraction()
        self._autocast = autocast
        self._rows: Tensor | None = None
        self._hidden: Tensor | None = None
        self._parts: dict[str, nn.Parameter] = {}
        weights = next(model.parameters())
        self.device = weights.device if device is None else device
        self.dtype = torch.float64 if weights.dtype == torch.float64 else torch.float32
        self.weight_bytes = weights.dtype.itemsize
        self._layers = _layers_of(model)
        self.layer_prefix = f"{_name_of(model, self._layers)}.{len(self._layers) - 1}."
        self._head = cast(nn.Module, self._model.get_output_embeddings())
        if lora is None:
            self._train_all(model)
        else:
            self._train_adapters(model, lora)
        if value_heads > 0:
            width = cast(Tensor, self._head.weight).shape[1]
            self._parts[VALUE_WEIGHT] = nn.Parameter(
                torch.zeros(value_heads, width, dtype=self.dtype, device=self.device)
            )
            self._parts[VALUE_BIAS] = nn.Parameter(torch.zeros(value_heads, dtype=self.dtype, device=self.device))
        self._value_heads = value_heads
        self._head.register_forward_pre_hook(self._predicting)
        self._cut = False
        self._layers[-1].register_forward_pre_hook(self._end_of_pass, with_kwargs=True)
        if recompute:
            for layer in self._layers:
                layer.forward = _recomputed(layer.forward)
        if mesh is not None and lora is not None:
            self._shard(model, mesh)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The trained tensors' shapes, by name."""
        return {name: tuple(parameter.shape) for name, parameter in self._parts.items()}

    def load(self, version: Mapping[str, NDArray[np.float32]]) -> None:
        """Sets the trained tensors. Their names and shapes are those of `shapes`, which then has the version's order."""
        self._parts = {name: self._parts[name] for name in version}
        with torch.no_grad():
            for name, parameter in self._parts.items():
                # A copy, since the version's arrays are read-only.
                parameter.copy_(torch.tensor(version[name], dtype=parameter.dtype))

    def run(self, batch: Batch, temperature: float, *, entropy: bool = False, only_last: bool = False) -> TokenOutputs:
        """Runs the decoder on a batch.

        entropy: whether a gradient of the entropy is needed. only_last: whether the backward pass ends at the last layer.
        """
        self._rows, self._cut = batch.rows, only_last
        positions = torch.arange(batch.ids.shape[1], device=self.device).expand_as(batch.ids)
        try:
            with self._precision():
                logits = self._model(
                    input_ids=batch.ids, position_ids=positions, use_cache=False
                ).logits  # [N, vocabulary]
            hidden = self._hidden
        finally:
            self._rows, self._hidden = None, None
        if hidden is None:
            raise RuntimeError(f"{type(self._model).__name__} did not run its output projection")
        cooled = logits.to(self.dtype) * (1 / temperature)
        logp = cooled.log_softmax(-1)
        with nullcontext() if entropy else torch.no_grad():
            entropies = -(logp.exp() * logp).sum(-1)
        hidden = hidden.detach().to(self.dtype)
        return TokenOutputs(
            logprobs=logp.gather(-1, batch.targets[:, None])[:, 0],
            entropy=entropies,
            hidden=hidden,
            values=self._values(hidden),
            cooled=cooled,
        )

    def backward(
        self,
        seeds: Sequence[tuple[Tensor, Tensor]],
        weights: Tensor,
        batch: Batch,
        wanted: frozenset[str],
        *,
        keep_graph: bool,
    ) -> dict[str, Tensor]:
        """Runs one backward pass, and returns K gradients of each wanted tensor that has any: [K, ...] by name.

        seeds: outputs and the gradients to begin with. weights [B, K]: what each sequence is multiplied by for each gradient.
        """
        self._contraction.begin(weights, batch.sequence_of, wanted)
        torch.autograd.backward([output for output, _ in seeds], [seed for _, seed in seeds], retain_graph=keep_graph)
        found, self._contraction.gradients = self._contraction.gradients, {}
        return found

    def value_gradients(self, hidden: Tensor, slopes: Tensor) -> dict[str, Tensor]:
        """The value heads' gradients [1, ...] by name, for slopes [N, heads]. The hidden state is detached: they are all."""
        return {VALUE_WEIGHT: (slopes.t() @ hidden)[None], VALUE_BIAS: slopes.sum(0)[None]}

    def _values(self, hidden: Tensor) -> Tensor | None:
        if self._value_heads == 0:
            return None
        with torch.no_grad():
            return hidden @ self._parts[VALUE_WEIGHT].t() + self._parts[VALUE_BIAS]

    def _precision(self) -> AbstractContextManager[object]:
        return nullcontext() if self._autocast is None else torch.autocast(self.device.type, self._autocast)

    def _train_adapters(self, model: nn.Module, lora: LoraSpec) -> None:
        matched: set[str] = set()
        linear = [(name, module) for name, module in model.named_modules() if isinstance(module, nn.Linear | Conv1D)]
        for name, module in linear:
            adapter = lora.adapter_of(name) if module is not self._head else None
            if adapter is None:
                continue
            matched |= {target for target in lora.targets if name == target or name.endswith(f".{target}")}
            names = (f"{PEFT_PREFIX}{name}.lora_A.weight", f"{PEFT_PREFIX}{name}.lora_B.weight")
            extents = _extents(module)
            adapted = LoraLinear(module, extents, adapter, names, self._contraction, self.dtype, self.device)
            parent, _, last = name.rpartition(".")
            setattr(model.get_submodule(parent), last, adapted)
            self._parts[names[0]], self._parts[names[1]] = adapted.lora_a, adapted.lora_b
        unmatched = [target for target in lora.targets if target not in matched]
        if unmatched:
            known = sorted({name.rpartition(".")[2] for name, module in linear if module is not self._head})
            raise invalid(
                f"policy.spec.lora_targets has '{unmatched[0]}'; the model's linear modules are {', '.join(known)}"
            )

    def _shard(self, model: nn.Module, mesh: DeviceMesh) -> None:
        """Shards the frozen weights (FSDP2): a layer's are gathered while it runs. Adapters are small and stay whole."""
        whole = set(self._parts.values())
        for layer in self._layers:
            fully_shard(layer, mesh=mesh, ignored_params=whole)
        fully_shard(model, mesh=mesh, ignored_params=whole)

    def _train_all(self, model: nn.Module) -> None:
        """Replaces the forward pass of every module that has parameters. A tied tensor has one name, its first."""
        name_of = {id(parameter): name for name, parameter in model.named_parameters()}
        for parameter in model.parameters():
            parameter.requires_grad_()
        self._parts.update(model.named_parameters())
        for module in model.modules():
            own = list(module.parameters(recurse=False))
            if not own:
                continue
            names = tuple(name_of[id(parameter)] for parameter in own)
            module.forward = self._trained(module, own, names)

    def _trained(
        self, module: nn.Module, own: list[nn.Parameter], names: tuple[str, ...]
    ) -> Callable[[Tensor], Tensor]:
        if isinstance(module, nn.Linear | Conv1D):
            bias = own[1] if len(own) > 1 else None
            both = (names[0], names[1] if bias is not None else "")
            in_out = isinstance(module, Conv1D)
            return lambda x: cast(Tensor, DenseProduct.apply(x, own[0], bias, in_out, both, self._contraction))
        forward = module.forward
        return lambda x: cast(Tensor, LocalProduct.apply(x, forward, names, self._contraction, *own))

    def _predicting(self, _: nn.Module, inputs: tuple[Any, ...]) -> tuple[Tensor]:
        """Gives the output projection only the positions that predict a completion token: [B, T, width] to [N, width]."""
        if self._rows is None:
            raise RuntimeError("the output projection runs outside of a batch")
        predicting = cast(Tensor, inputs[0]).flatten(0, 1)[self._rows]
        self._hidden = predicting
        return (predicting,)

    def _end_of_pass(
        self, _: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Detaches the last layer's input where the backward pass ends there."""
        if not self._cut:
            return inputs, named
        first, *others = inputs
        return (cast(Tensor, first).detach(), *others), named


def _recomputed(forward: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *inputs, **named: checkpoint(forward, *inputs, use_reentrant=False, **named)


def _extents(module: nn.Module) -> tuple[int, int]:
    """(in, out) of a linear map."""
    rows, columns = cast(Tensor, module.weight).shape
    return (rows, columns) if isinstance(module, Conv1D) else (columns, rows)


def _layers_of(model: nn.Module) -> nn.ModuleList:
    """The decoder's layers: the longest list of modules."""
    lists = [module for module in model.modules() if isinstance(module, nn.ModuleList)]
    return max(lists, key=len)


def _name_of(model: nn.Module, wanted: nn.Module) -> str:
    name: str = next(name for name, module in model.named_modules() if module is wanted)
    return name


def flattened(
    shapes: Mapping[str, tuple[int, ...]], found: Mapping[str, Tensor], k: int
) -> Iterator[NDArray[np.float32]]:
    """The k-th gradient of each tensor, in the order of `shapes`, flat. Tensors that no loss depends on have gradient 0."""
    for name, shape in shapes.items():
        gradient = found.get(name)
        if gradient is None:
            yield np.zeros(int(np.prod(shape)), np.float32)
        else:
            yield gradient[k].detach().to("cpu", torch.float32).numpy().reshape(-1)
