"""What a request's policy names: a run, a version, a model, and which of its tensors are trained."""

from dataclasses import dataclass

from gapo.policy.v1.policy_pb2 import (
    PRECISION_F16,
    TRAINING_MODE_FULL,
    TRAINING_MODE_LORA,
    PolicyRef,
    PolicySpec,
    TrainingMode,
)

from ..errors import invalid

DEFAULT_MEMORY_BUDGET = 2048
"""MiB for the activations of a micro-batch."""


@dataclass(frozen=True)
class ModuleAdapter:
    """The adapter of one module: its rank, and what multiplies its output (alpha / rank)."""

    rank: int
    scale: float


@dataclass(frozen=True)
class LoraSpec:
    """Low-rank adapters (Hu et al. 2021, arXiv 2106.09685): y = x·Wᵀ + (alpha / rank)·(x·Aᵀ)·Bᵀ."""

    rank: int
    alpha: float
    targets: tuple[str, ...]
    """Module names or their last parts, such as q_proj or attn.c_proj."""
    exceptions: tuple[tuple[str, int, float], ...] = ()
    """Modules with a rank and alpha of their own."""

    def adapter_of(self, module: str) -> ModuleAdapter | None:
        """Returns the adapter of a module; None if it has none."""
        if not any(module == target or module.endswith(f".{target}") for target in self.targets):
            return None
        rank, alpha = next(((r, a) for name, r, a in self.exceptions if name == module), (self.rank, self.alpha))
        return ModuleAdapter(rank, alpha / rank)


@dataclass(frozen=True)
class Computation:
    """How a run's policy is computed. It affects the result, in the last bits at least."""

    half: bool
    """Whether matrix products read and write float16."""
    memory_budget: int
    """MiB for the activations of a micro-batch."""
    recompute: bool
    """Whether backward passes recompute each layer instead of keeping its activations."""


@dataclass(frozen=True)
class EngineKey:
    """Identifies an engine: a model, its trained tensors, and how it computes."""

    model: str
    model_sha256: str
    ignore_keys: tuple[str, ...]
    lora: LoraSpec | None
    """None in full training."""
    value_heads: int
    computation: Computation


@dataclass(frozen=True)
class RequestedPolicy:
    """A policy that a request names."""

    run_id: str
    version: int
    engine: EngineKey


def requested_policy(policy: PolicyRef | None) -> RequestedPolicy:
    """Reads a request's policy. Raises RpcError INVALID_ARGUMENT that names the field."""
    if policy is None:
        raise invalid("policy is not set; name a run, a version and a specification")
    if policy.run_id == "":
        raise invalid("policy.run_id is empty")
    if not policy.HasField("spec"):
        raise invalid("policy.spec is not set")
    spec = policy.spec
    if spec.model == "":
        raise invalid("policy.spec.model is empty; name a model directory")
    computation = Computation(
        half=spec.computation.precision == PRECISION_F16,
        memory_budget=spec.computation.memory_budget or DEFAULT_MEMORY_BUDGET,
        recompute=spec.computation.recompute,
    )
    engine = EngineKey(
        model=spec.model,
        model_sha256=spec.model_sha256,
        ignore_keys=tuple(spec.ignore_keys),
        lora=_lora(spec),
        value_heads=spec.value_heads,
        computation=computation,
    )
    return RequestedPolicy(policy.run_id, policy.version, engine)


def _lora(spec: PolicySpec) -> LoraSpec | None:
    if spec.mode == TRAINING_MODE_FULL:
        return None
    if spec.mode != TRAINING_MODE_LORA:
        found = TrainingMode.Name(spec.mode) if spec.mode in TrainingMode.values() else str(spec.mode)
        raise invalid(f"policy.spec.mode is {found}; it must be TRAINING_MODE_LORA or TRAINING_MODE_FULL")
    if spec.lora_rank < 1:
        raise invalid(f"policy.spec.lora_rank is {spec.lora_rank}; it must be 1 or more")
    if not spec.lora_alpha > 0:
        raise invalid(f"policy.spec.lora_alpha is {spec.lora_alpha}; it must be above 0")
    if len(spec.lora_targets) == 0:
        raise invalid("policy.spec.lora_targets is empty; name at least one module")
    for exception in spec.lora_exceptions:
        if exception.rank < 1 or not exception.alpha > 0:
            raise invalid(
                f"policy.spec.lora_exceptions has rank {exception.rank} and alpha {exception.alpha} for "
                f"'{exception.module}'; a rank must be 1 or more, an alpha above 0"
            )
    exceptions = tuple((e.module, e.rank, e.alpha) for e in spec.lora_exceptions)
    return LoraSpec(spec.lora_rank, spec.lora_alpha, tuple(spec.lora_targets), exceptions)
