"""The engine's gradients against plain autograd, one backward pass for each objective, in float64."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import TOKENS, Plain, lora_of, make_shard, random_version, tiny_model, with_old_logprobs
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from gapo_pytorch.gradients.engine import GradientEngine
from gapo_pytorch.gradients.projection import project
from gapo_pytorch.gradients.shard import Shard, Source
from gapo_pytorch.policy.decoder import Decoder

TOLERANCE = 1e-9


def proceed() -> None:
    pass


class Case:
    """An engine and the same policy in plain PyTorch."""

    def __init__(
        self, architecture: str, *, full: bool = False, heads: int = 0, recompute: bool = False, budget: int = 2048
    ) -> None:
        lora = None if full else lora_of(architecture)
        model = tiny_model(architecture)
        config = model.config
        self.decoder = Decoder(model, lora, heads, recompute=recompute)
        shapes = self.decoder.shapes
        version = random_version(shapes)
        if full:
            # The trained weights are near the model's own, which are those of a model that works.
            own = dict(tiny_model(architecture).named_parameters())
            version = {n: (own[n].numpy() + 0.1 * v).astype(np.float32) if n in own else v for n, v in version.items()}
        self.engine = GradientEngine(self.decoder, config, budget, recompute=recompute)
        self.engine.load("version", version)
        self.plain = Plain(architecture, lora, version)

    def found(self, shard: Shard) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """[K, ...] of the objectives, [1, ...] of the regularizer, in float64."""
        wanted = frozenset(self.decoder.shapes)
        objectives, regularizer, _ = self.engine._micro_batch(shard, wanted)
        return tuple({n: g / shard.denominator for n, g in f.items()} for f in (objectives, regularizer))  # type: ignore

    def assert_equal(self, shard: Shard) -> None:
        objectives, regularizer = self.found(shard)
        for k in range(len(shard.objectives)):
            assert_close({n: g[k] for n, g in objectives.items()}, self.plain.objective(shard, k))
        assert_close({n: g[0] for n, g in regularizer.items()}, self.plain.regularizer(shard))


def assert_close(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    norm = torch.stack([g.norm() for g in expected.values()]).norm()
    for name, right in expected.items():
        mine = found.get(name, torch.zeros_like(right))
        assert (mine - right).norm() <= TOLERANCE * norm, name


def ppo(case: Case, spread: float, **shard: int | bool) -> Shard:
    """A shard whose ratios differ from 1 by up to the spread."""
    own = make_shard(**shard)  # type: ignore[arg-type]
    return with_old_logprobs(own, case.plain.tokens(own)[0], spread)


@pytest.mark.parametrize("full", [False, True], ids=["adapters", "all weights"])
class TestSharedPass:
    def test_unclipped_one_pass_equals_one_for_each_objective(self, architecture: str, full: bool) -> None:
        case = Case(architecture, full=full)
        shard = ppo(case, 0.1)
        assert len(case.engine._passes(shard, *outputs(case, shard))) == 1
        case.assert_equal(shard)

    def test_clipped_two_passes_do(self, architecture: str, full: bool) -> None:
        case = Case(architecture, full=full)
        shard = ppo(case, 0.8)
        assert len(case.engine._passes(shard, *outputs(case, shard))) == 2
        case.assert_equal(shard)


def outputs(case: Case, shard: Shard):  # type: ignore[no-untyped-def] # noqa: ANN201
    from gapo_pytorch.batches import to_batch
    from gapo_pytorch.gradients.statistics import statistics

    run = case.decoder.run(to_batch(shard.sequences, case.decoder.device), shard.temperature)
    return run, statistics(shard, run.logprobs.detach().numpy(), run.entropy.detach().numpy(), None).clipped


@pytest.mark.parametrize("full", [False, True], ids=["adapters", "all weights"])
def test_advantages_of_tokens_and_critics(architecture: str, full: bool) -> None:
    case = Case(architecture, full=full, heads=2)
    shard = ppo(case, 0.8, objectives=2, per_sequence=False, heads=2)
    case.assert_equal(shard)


def test_recomputed_layers_give_the_same(architecture: str) -> None:
    case = Case(architecture, recompute=True)
    case.assert_equal(ppo(case, 0.8))


@pytest.mark.parametrize("per_sequence", [True, False])
def test_micro_batches_add_up(per_sequence: bool) -> None:
    whole, split = Case("llama", heads=2), Case("llama", heads=2, budget=0)
    shard = ppo(whole, 0.8, per_sequence=per_sequence, heads=2)
    one, many = whole.engine.compute(shard, proceed), split.engine.compute(shard, proceed)
    assert one.regularizer is not None
    assert many.regularizer is not None
    for mine, right in zip([*many.objectives, many.regularizer], [*one.objectives, one.regularizer], strict=True):
        np.testing.assert_allclose(mine, right, atol=1e-6 * float(np.linalg.norm(right)))
    assert many.statistics.tokens == TOKENS
    np.testing.assert_array_equal(many.statistics.clipped, one.statistics.clipped)
    assert many.statistics.clipped.sum() > 0
    np.testing.assert_allclose(many.statistics.value_loss_sum, one.statistics.value_loss_sum)
    assert many.statistics.kl_sum == pytest.approx(one.statistics.kl_sum)


def test_log_probabilities_and_values_keep_the_order_of_the_sequences(architecture: str) -> None:
    case = Case(architecture, heads=2, budget=0)
    shard = make_shard(heads=2)
    logprobs, values = case.engine.log_probs(shard.sequences, shard.temperature, proceed)
    right, _, right_values = case.plain.tokens(shard)
    assert values is not None
    assert right_values is not None
    np.testing.assert_allclose(logprobs, right.detach(), rtol=1e-6)
    np.testing.assert_allclose(values, right_values.detach(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("full", [False, True], ids=["adapters", "all weights"])
def test_last_layer_has_its_part_of_the_exact_gradient(architecture: str, full: bool) -> None:
    case = Case(architecture, full=full)
    shard = ppo(case, 0.8)
    exact = case.engine.compute(shard, proceed)
    last = case.engine.compute(replace(shard, source=Source.LAST_LAYER), proceed)
    assert last.parameters
    assert last.regularizer is None
    assert all(case.decoder.layer_prefix in name for name in last.parameters)
    offset = 0
    mask = []
    for name, shape in exact.parameters.items():
        size = int(np.prod(shape))
        mask += [name in last.parameters] * size
        offset += size
    for k in range(3):
        part = exact.objectives[k][np.array(mask)]
        np.testing.assert_allclose(last.objectives[k], part, atol=1e-6 * float(np.linalg.norm(part)))


def test_projection_is_of_the_exact_gradient() -> None:
    case = Case("llama")
    shard = replace(ppo(case, 0.8), projection_dimensions=64, projection_seed=2**40 + 3)
    exact = case.engine.compute(shard, proceed)
    projected = case.engine.compute(replace(shard, source=Source.PROJECTION), proceed)
    assert projected.parameters == {}
    for mine, right in zip(projected.objectives, exact.objectives, strict=True):
        np.testing.assert_array_equal(mine, project(right, 64, 2**40 + 3))


def test_gram_at_the_logits(architecture: str) -> None:
    """Against the logits' own gradients by autograd, in the models without a soft cap."""
    case = Case(architecture)
    shard = replace(ppo(case, 0.8), source=Source.LOGITS)
    run, _ = outputs(case, shard)
    logits = run.cooled.detach().requires_grad_()
    cap = getattr(case.engine._config, "final_logit_softcapping", None)
    if cap is not None:
        # Gradients are taken at the cap's input.
        bare = (torch.atanh(logits.detach() * shard.temperature / cap) * cap).requires_grad_()
        capped = cap * torch.tanh(bare / cap) / shard.temperature
    else:
        bare, capped = logits, logits
    from gapo_pytorch.batches import to_batch

    batch = to_batch(shard.sequences, torch.device("cpu"))
    ratio = (capped.log_softmax(-1).gather(-1, batch.targets[:, None])[:, 0] - torch.tensor(shard.old_logprobs)).exp()
    rows = []
    for k in range(3):
        a = torch.tensor(shard.advantages[:, k], dtype=torch.float64)[batch.sequence_of]
        loss = torch.minimum(ratio * a, ratio.clamp(1 - shard.clip_range, 1 + shard.clip_range) * a).sum()
        (gradient,) = torch.autograd.grad(loss / shard.denominator, bare, retain_graph=True)
        rows.append(gradient.flatten())
    # The definition leaves out the factor of the temperature where there is no cap: it is common to all objectives.
    jacobian = torch.stack(rows) * (shard.temperature if cap is not None else 1)
    np.testing.assert_allclose(case.engine.gram(shard, proceed), jacobian @ jacobian.t(), rtol=1e-9, atol=1e-12)


def test_the_operations_of_eight_objectives_are_few_more_than_those_of_one() -> None:
    """What benchmarks/objectives.py measures in seconds."""
    case = Case("llama")
    shard = ppo(case, 0.1, objectives=8)
    one = replace(shard, objectives=shard.objectives[:1], advantages=shard.advantages[:, :1])

    def operations(shard: Shard) -> int:
        objectives_only = replace(shard, kl_coefficient=0.0, entropy_coefficient=0.0)
        with FlopCounterMode(display=False) as counter:
            case.engine.compute(objectives_only, proceed)
        return counter.get_total_flops()

    assert 1 < operations(shard) / operations(one) < 1.2


@pytest.mark.parametrize("full", [False, True], ids=["adapters", "all weights"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.bfloat16, 0.15), (torch.float16, 0.05)])
def test_half_precision_is_near(architecture: str, full: bool, dtype: torch.dtype, tolerance: float) -> None:
    """Products by autocast. Adapters, their gradients and sums over tokens are float32."""
    exact = Case(architecture, full=full)
    shard = ppo(exact, 0.1)
    lora = None if full else lora_of(architecture)
    model = tiny_model(architecture, torch.float32 if full else dtype)
    engine = GradientEngine(Decoder(model, lora, 0, autocast=dtype), model.config, 2048)
    assert all(parameter.dtype == torch.float32 for parameter in engine._decoder._parts.values())
    engine.load("version", exact.plain.version)
    mine, right = engine.compute(shard, proceed), exact.engine.compute(shard, proceed)
    for a, b in zip([*mine.objectives, mine.regularizer], [*right.objectives, right.regularizer], strict=True):
        assert a is not None
        assert b is not None
        assert np.linalg.norm(a - b) < tolerance * np.linalg.norm(b)
