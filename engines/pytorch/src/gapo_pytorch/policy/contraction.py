"""K gradients from one backward pass.

The gradient of a parameter is a sum over sequences: g = Σ_b g_b, where g_b is what sequence b contributes. If the backward pass
begins with unit advantages, objective k's gradient is Σ_b A_bk · g_b: the same sum, weighted. A weighted sum over sequences can
be taken where a module forms the gradient of its parameters, from its input and the gradient of its output. So the modules
with trained parameters contract K times there, and everything else of the backward pass happens once.

The functions of this file are these modules' products. Their backward passes give gradients of the input to autograd, and
leave those of the parameters in a `Contraction`.
"""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd import Function

from .spec import ModuleAdapter


class Contraction:
    """The weights of a backward pass, and the gradients that it leaves: [K, ...] for each parameter's name."""

    def __init__(self) -> None:
        self.gradients: dict[str, Tensor] = {}
        self._weights: Tensor | None = None
        self._row_weights: Tensor | None = None
        self._wanted: frozenset[str] = frozenset()

    def begin(self, weights: Tensor, sequence_of: Tensor, wanted: frozenset[str]) -> None:
        """Begins a pass.

        weights [B, K]: the weight of each sequence for each objective. sequence_of int64 [N]: the sequence of each row of what
        has no batch dimension. wanted: the parameters to form gradients of.
        """
        self.gradients = {}
        self._weights = weights
        self._row_weights = weights[sequence_of]
        self._wanted = wanted

    def wants(self, name: str) -> bool:
        """Whether the gradient of a parameter is formed."""
        return name in self._wanted

    def weights(self, like: Tensor) -> Tensor:
        """The weights of a tensor's first dimension: [B, K] for one by sequences [B, T, ...], [N, K] for one by tokens [N, ·]."""
        weights = self._row_weights if like.dim() == 2 else self._weights
        if weights is None:
            raise RuntimeError("a backward pass runs that was not begun")
        if weights.shape[0] != like.shape[0]:
            raise RuntimeError(
                f"a tensor of shape {list(like.shape)} is not by the {weights.shape[0]} sequences of the pass"
            )
        return weights

    def weighted(self, gradient: Tensor) -> list[Tensor]:
        """A gradient of an output, weighted for each objective: K tensors of its shape."""
        weights = self.weights(gradient).to(gradient.dtype)
        trailing = (1,) * (gradient.dim() - 1)
        return [gradient * weights[:, k].reshape(-1, *trailing) for k in range(weights.shape[1])]

    def add(self, name: str, gradients: Tensor) -> None:
        """Adds [K, ...] to a parameter's gradients."""
        found = self.gradients.get(name)
        self.gradients[name] = gradients if found is None else found + gradients


class LoraProduct(Function):
    """scale · (x·Aᵀ)·Bᵀ, for x [B, T, in], A [rank, in], B [out, rank].

    With h = x·Aᵀ and g the gradient of the output, sequence b contributes scale · g_bᵀ·h_b to B's gradient and
    scale · (g_b·B)ᵀ·x_b to A's. These are formed once, and contracted with the weights: K costs next to nothing.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, a: Tensor, b: Tensor, scale: float, names: tuple[str, str], contraction: Contraction
    ) -> Tensor:
        """Returns the adapter's output [B, T, out], in the type of matrix products."""
        ctx.save_for_backward(x, a, b)
        ctx.scale, ctx.names, ctx.contraction = scale, names, contraction
        dtype = product_dtype(x)
        with torch.autocast(x.device.type, enabled=False):
            hidden = x.to(dtype) @ a.to(dtype).t()  # [B, T, rank]
            return hidden @ (scale * b).to(dtype).t()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Returns the gradient of x; those of A and B go to the contraction, in their own type."""
        (g,) = gradients  # [B, T, out]
        x, a, b = ctx.saved_tensors
        contraction: Contraction = ctx.contraction
        through = g @ (ctx.scale * b).to(g.dtype)  # [B, T, rank]
        if any(contraction.wants(name) for name in ctx.names):
            full, inner = x.to(a.dtype), through.to(a.dtype)
            hidden = full @ a.t()  # [B, T, rank]
            weights = contraction.weights(g).to(a.dtype).t()  # [K, B]
            for name, left, right in (
                (ctx.names[0], inner, full),
                (ctx.names[1], ctx.scale * g.to(a.dtype), hidden),
            ):
                each = left.transpose(1, 2) @ right  # [B, rank, in] of A, [B, out, rank] of B
                contraction.add(name, (weights @ each.flatten(1)).unflatten(1, each.shape[1:]))
        gx = (through @ a.to(g.dtype)).to(x.dtype) if ctx.needs_input_grad[0] else None
        return gx, None, None, None, None, None


class DenseProduct(Function):
    """x·Wᵀ + bias for a trained W [out, in], or x·W + bias where the weight is stored [in, out]."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        stored_in_out: bool,
        names: tuple[str, str],
        contraction: Contraction,
    ) -> Tensor:
        """Returns [..., out]."""
        ctx.save_for_backward(x, weight)
        ctx.biased, ctx.in_out, ctx.names, ctx.contraction = bias is not None, stored_in_out, names, contraction
        dtype = product_dtype(x)
        with torch.autocast(x.device.type, enabled=False):
            matrix = weight.to(dtype)
            y = x.to(dtype) @ (matrix if stored_in_out else matrix.t())
            return y if bias is None else y + bias.to(dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Returns the gradient of x; those of weight and bias go to the contraction."""
        (g,) = gradients  # [..., out]
        x, weight = ctx.saved_tensors
        contraction: Contraction = ctx.contraction
        matrix = weight.to(g.dtype)
        gx = g @ (matrix.t() if ctx.in_out else matrix)
        weight_name, bias_name = ctx.names
        if contraction.wants(weight_name):
            rows = x.to(weight.dtype).flatten(0, -2)  # [N, in]
            parts = [part.flatten(0, -2) for part in contraction.weighted(g.to(weight.dtype))]  # K of [N, out]
            products = [rows.t() @ part if ctx.in_out else part.t() @ rows for part in parts]
            contraction.add(weight_name, torch.stack(products))
            if ctx.biased:
                contraction.add(bias_name, torch.stack([part.sum(0) for part in parts]))
        return gx.to(x.dtype), None, None, None, None, None


class LocalProduct(Function):
    """Any small module with trained parameters (a norm, an embedding): its backward pass runs the module again, alone."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        module: Callable[[Tensor], Tensor],
        names: tuple[str, ...],
        contraction: Contraction,
        *parameters: Tensor,
    ) -> Tensor:
        """Returns the module's output for x [B, T, ...], or [B, T] token ids."""
        ctx.save_for_backward(x, *parameters)
        ctx.module, ctx.names, ctx.contraction = module, names, contraction
        device = x.device.type
        ctx.autocast = device, torch.get_autocast_dtype(device), torch.is_autocast_enabled(device)
        return module(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Returns the gradient of x; those of the parameters go to the contraction."""
        (g,) = gradients
        x, *parameters = ctx.saved_tensors
        contraction: Contraction = ctx.contraction
        differentiable = x.is_floating_point()
        device, dtype, enabled = ctx.autocast
        with torch.enable_grad(), torch.autocast(device, dtype, enabled=enabled):
            own = x.detach().requires_grad_(differentiable)
            y = ctx.module(own)
        gx = torch.autograd.grad(y, own, g, retain_graph=True)[0] if differentiable else None
        if any(contraction.wants(name) for name in ctx.names):
            each = [torch.autograd.grad(y, parameters, part, retain_graph=True) for part in contraction.weighted(g)]
            for index, name in enumerate(ctx.names):
                contraction.add(name, torch.stack([found[index] for found in each]))
        return gx, None, None, None, *(None for _ in parameters)


class LoraLinear(nn.Module):
    """A frozen linear map with an adapter beside it. The adapter's tensors are float32, whatever the map's type."""

    def __init__(
        self,
        base: nn.Module,
        extents: tuple[int, int],
        adapter: ModuleAdapter,
        names: tuple[str, str],
        contraction: Contraction,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        """`extents` are (in, out), `names` those of A and B."""
        super().__init__()
        into, out = extents
        self.base = base
        self.lora_a = nn.Parameter(torch.zeros(adapter.rank, into, dtype=dtype, device=device))
        self.lora_b = nn.Parameter(torch.zeros(out, adapter.rank, dtype=dtype, device=device))
        self._scale, self._names, self._contraction = adapter.scale, names, contraction

    def forward(self, x: Tensor) -> Tensor:
        """Returns the map's output plus the adapter's, [B, T, out]."""
        y = self.base(x)
        low_rank = LoraProduct.apply(x, self.lora_a, self.lora_b, self._scale, self._names, self._contraction)
        return cast(Tensor, y + low_rank.to(y.dtype))


def product_dtype(x: Tensor) -> torch.dtype:
    """The type of matrix products: autocast's where it is on."""
    device = x.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype
