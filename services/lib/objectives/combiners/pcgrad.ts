/** PCGrad (Yu et al. 2020, "Gradient Surgery for Multi-Task Learning", arXiv 2001.06782, algorithm 1). */

import { deriveSeed, f64, permutation } from '@gapo/numeric';
import { z } from 'zod';
import type { Gram } from '../gram/gram.js';
import { unitGradients, weightsFromAmounts, type UnitGradients } from '../gram/unitGradients.js';
import { defineCombiner, type Choice } from './combiner.js';

/** The order of PCGrad's projections: the exact mean over all orders (K ≤ 8), or one drawn for this seed and step. */
export type ProjectionOrder = 'all' | { readonly seed: number; readonly step: number };

/** Options of {@link pcgrad}. */
export interface PcgradOptions {
  readonly order: ProjectionOrder;
}

/** (K - 1)! orders for each of K gradients: 40,320 in total for K = 8, which take a few milliseconds. */
const mostForAllOrders = 8;

/** Up to this size, all orders take a few microseconds. */
const allOrdersByDefault = 5;

/**
 * d = Σ_i g_i′ where g_i′ starts as g_i and, for every other j in some order, loses its part along g_j if their inner
 * product is negative: g_i′ ← g_i′ - min(0, ⟨g_i′, g_j⟩) g_j / ‖g_j‖².
 *
 * The paper draws a new random order for every i. `order: 'all'` takes the mean over all orders, which is exact, does
 * not depend on how the objectives are listed, and is limited to K ≤ 8. `order: { seed, step }` draws one order for
 * every i from the counter-based generator. For K = 2 there is one order and both agree.
 *
 * d is linear in the length of each gradient. For K = 2 it hurts no objective; beyond that a later projection may undo
 * an earlier one. α is the same for all.
 */
export const pcgrad = defineCombiner({
  summary: 'the sum of the gradients, each projected off those that it conflicts with',
  source: 'Yu et al. 2020, arXiv 2001.06782',
  settings: {
    order: z
      .enum(['all', 'drawn'])
      .optional()
      .meta({ absent: `\`all\` up to ${allOrdersByDefault} objectives, else \`drawn\`` })
      .describe(
        'Order of the projections: the mean over all orders (at most 8 objectives), or one drawn in each step.',
      ),
  },
  check: ({ order }, names, refuse) => {
    if (order === 'all' && names.length > mostForAllOrders) {
      refuse(['order'], `drawn, since there are more than ${mostForAllOrders} objectives`);
    }
  },
  options: ({ order }, { names, seed, step }): PcgradOptions => {
    const all = order === undefined ? names.length <= allOrdersByDefault : order === 'all';
    return { order: all ? 'all' : { seed, step } };
  },
  choose: choosePcgrad,
});

/** @throws RangeError for 'all' with more than 8 non-zero gradients, or an unusable seed or step */
function choosePcgrad(gram: Gram, { order }: PcgradOptions): Choice {
  const units = unitGradients(gram);
  const size = units.kept.length;
  if (order === 'all' && size > mostForAllOrders) {
    throw new RangeError(
      `pcgrad: the mean over all orders is limited to ${mostForAllOrders} objectives, here are ${size}; ` +
        'use order: { seed, step }',
    );
  }
  const total = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    const amounts = order === 'all' ? meanOverOrders(units, i) : inOrder(units, i, drawn(order, i, size));
    for (let j = 0; j < size; j++) total[j] = f64(total, j) + f64(units.lengths, i) * f64(amounts, j);
  }
  const all = gram.names.length;
  return {
    alpha: new Float64Array(all).fill(1 / all),
    weights: weightsFromAmounts(all, units, total),
    leftOut: units.leftOut,
    certificate: null,
  };
}

/** The order for gradient i: a permutation of all gradients; i itself is skipped. */
function drawn(order: Exclude<ProjectionOrder, 'all'>, i: number, size: number): Uint32Array {
  return permutation(size, deriveSeed(order.seed, 'pcgrad'), order.step, i);
}

/** u_i′ after the projections in one order, as amounts of the unit gradients. */
function inOrder({ cosines }: UnitGradients, i: number, order: Uint32Array): Float64Array {
  const size = order.length;
  const amounts = new Float64Array(size);
  amounts[i] = 1;
  for (const j of order) {
    if (j !== i) amounts[j] = f64(amounts, j) + conflict(cosines, amounts, j);
  }
  return amounts;
}

/**
 * The mean of u_i′ over all orders of the others, visited as a tree so that orders share common prefixes.
 */
function meanOverOrders({ cosines, kept }: UnitGradients, i: number): Float64Array {
  const size = kept.length;
  const mean = new Float64Array(size);
  const amounts = new Float64Array(size);
  amounts[i] = 1;
  const visit = (remaining: readonly number[], share: number): void => {
    if (remaining.length === 0) {
      for (let j = 0; j < size; j++) mean[j] = f64(mean, j) + share * f64(amounts, j);
      return;
    }
    const each = share / remaining.length;
    for (const j of remaining) {
      const before = f64(amounts, j);
      amounts[j] = before + conflict(cosines, amounts, j);
      visit(
        remaining.filter((other) => other !== j),
        each,
      );
      amounts[j] = before;
    }
  };
  visit(
    [...kept.keys()].filter((j) => j !== i),
    1,
  );
  return mean;
}

/** max(0, -⟨Σ x_k u_k, u_j⟩): how much of u_j removes the conflict. */
function conflict(cosines: Float64Array, amounts: Float64Array, j: number): number {
  const size = amounts.length;
  let product = 0;
  for (let k = 0; k < size; k++) product += f64(amounts, k) * f64(cosines, j * size + k);
  return product < 0 ? -product : 0;
}
