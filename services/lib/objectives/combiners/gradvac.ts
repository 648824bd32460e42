/**
 * Gradient Vaccine (Wang et al. 2021, "Gradient Vaccine: Investigating and Improving Multi-task Optimization in Massively
 * Multilingual Models", ICLR 2021, arXiv 2010.05874). Its targets are plain data.
 */

import { at, deriveSeed, f64, permutation } from '@gapo/numeric';
import type { Gram } from '../gram/gram.js';
import { dotProduct, multiply, unitGradients, weightsFromAmounts } from '../gram/unitGradients.js';
import { defineCombiner, type Choice } from './combiner.js';
import { runningMeanDecay } from './settings.js';

/** Options of {@link gradvac}. */
export interface GradvacOptions {
  /** φ̂ of each ordered pair, [K, K] row-major; the diagonal is not read. @default 0 */
  readonly targets?: ArrayLike<number>;
  /** Share of a target that is kept, in [0, 1). @default 0.5 */
  readonly decay?: number;
  /** Draws the order in which gradient i meets the others. */
  readonly order: { readonly seed: number; readonly step: number };
}

const defaultDecay = 0.5;

/** A cosine of 1 cannot be reached by adding to a gradient: targets count as at most this. */
const largestTarget = 0.999;

/**
 * d = Σ_i g_i′ where g_i′ starts as g_i and meets every other j in a drawn order. If their cosine φ is below the target φ̂_ij,
 * enough of g_j is added to g_i′ to make it φ̂_ij:
 *
 *     g_i′ ← g_i′ + ‖g_i′‖ (φ̂ √(1 - φ²) - φ √(1 - φ̂²)) / (‖g_j‖ √(1 - φ̂²)) · g_j,
 *
 * and the target follows the observed cosines, φ̂ ← decay · φ̂ + (1 - decay) · φ. Targets start at 0, at which this is PCGrad.
 * The new targets are the choice's memory. For K = 2 there is one order. Zero gradients are omitted.
 *
 * d is linear in a common length of the gradients; it may hurt an objective. α is the same for all.
 */
export const gradvac = defineCombiner({
  summary: 'the sum of the gradients, each turned towards those that it agrees with less than it used to',
  source: 'Wang et al. 2021, arXiv 2010.05874',
  settings: {
    decay: runningMeanDecay
      .default(defaultDecay)
      .describe("Share of a pair's target cosine that stays in each update."),
  },
  objectivesFixed: 'with a target for each pair of objectives in its state',
  initialMemory: (_, { length }) => ({ targets: new Array<number>(length * length).fill(0) }),
  options: ({ decay }, { seed, step, memory }): GradvacOptions => ({
    targets: memory['targets'] ?? [],
    decay,
    order: { seed, step },
  }),
  choose: chooseGradvac,
});

/** @throws RangeError for targets that are not [K, K] cosines, or an unusable decay, seed or step */
function chooseGradvac(gram: Gram, { targets, decay = defaultDecay, order }: GradvacOptions): Choice {
  const all = gram.names.length;
  const before = Float64Array.from(targets ?? new Float64Array(all * all));
  if (before.length !== all * all || before.some((target) => !(Math.abs(target) <= 1))) {
    throw new RangeError(
      `gradvac: targets must be ${all} × ${all} cosines from -1 to 1, found ${before.length} numbers`,
    );
  }
  if (!(decay >= 0 && decay < 1)) {
    throw new RangeError(`gradvac: decay is ${decay}, expected a number of at least 0 and under 1`);
  }
  const units = unitGradients(gram);
  const { kept, lengths, cosines, leftOut } = units;
  const size = kept.length;
  const total = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    const amounts = new Float64Array(size);
    amounts[i] = f64(lengths, i);
    const image = multiply(cosines, amounts); // ⟨g_i′, u_j⟩
    for (const j of permutation(size, deriveSeed(order.seed, 'gradvac'), order.step, i)) {
      if (j === i) continue;
      const norm = Math.sqrt(Math.max(0, dotProduct(amounts, image)));
      const cosine = norm > 0 ? Math.max(-1, Math.min(1, f64(image, j) / norm)) : 0;
      const entry = at(kept, i) * all + at(kept, j);
      const target = Math.min(largestTarget, f64(before, entry));
      if (cosine < target) {
        const gain = (norm * (target * sine(cosine) - cosine * sine(target))) / sine(target);
        amounts[j] = f64(amounts, j) + gain;
        for (let k = 0; k < size; k++) image[k] = f64(image, k) + gain * f64(cosines, j * size + k);
      }
      before[entry] = decay * f64(before, entry) + (1 - decay) * cosine;
    }
    for (let j = 0; j < size; j++) total[j] = f64(total, j) + f64(amounts, j);
  }
  return {
    alpha: new Float64Array(all).fill(1 / all),
    weights: weightsFromAmounts(all, units, total),
    leftOut,
    certificate: null,
    memory: { targets: [...before] },
  };
}

function sine(cosine: number): number {
  return Math.sqrt(Math.max(0, 1 - cosine * cosine));
}
