/** From a Gram matrix to the weights of the update, and what they promise each objective. */

import { alignedMtl } from './alignedMtl.js';
import { cagrad } from './cagrad.js';
import type { Choice, CombineOptions, Combiner, Method } from './combiner.js';
import { dualproj, upgrad } from './dualCone.js';
import { linear, single } from './fixedWeights.js';
import { gapo, mgda } from './gapo.js';
import { gradientNorms, progressOf, type Gram } from './gram.js';
import { imtlG } from './imtlG.js';
import { lagrangian } from './lagrangian.js';
import { minNorm } from './minNorm.js';
import { nashMtl } from './nashMtl.js';
import { pama } from './pama.js';
import { pcgrad } from './pcgrad.js';
import { pgapo } from './pgapo.js';
import { tchebycheff } from './tchebycheff.js';

/** Weights of the direction d = Σ w_i g_i, with the quantities that tell whether it does what it should. */
export interface Combination extends Choice {
  /** ‖g_i‖, length K. */
  readonly norms: Float64Array;
  /**
   * min ‖Σ a_i g_i / ‖g_i‖ ‖² over the simplex, in [0, 1]: 0 where the policy is Pareto stationary (no direction helps
   * all; also wherever some gradient is zero), 1 where all gradients point the same way. Independent of the method.
   */
  readonly stationarity: number;
  /** ⟨g_i, d⟩ for every i, length K: the first-order change of each objective per unit of step. */
  readonly progress: Float64Array;
}

const combiners: { readonly [M in Method]: Combiner<M> } = {
  mgda,
  gapo,
  pgapo,
  linear,
  single,
  lagrangian,
  tchebycheff,
  pcgrad,
  cagrad,
  'imtl-g': imtlG,
  'nash-mtl': nashMtl,
  'aligned-mtl': alignedMtl,
  upgrad,
  dualproj,
  pama,
};

/** All methods, in the order in which they are documented. */
export const methods = Object.keys(combiners) as readonly Method[];

/**
 * Chooses the weights by the named method.
 *
 * @param gram K×K Gram matrix of the objectives' ascent gradients
 * @throws RangeError for options that do not fit the objectives; the message names the option
 */
export function combine(gram: Gram, options: CombineOptions): Combination {
  const { alpha, weights, leftOut, certificate } = choose(gram, options);
  // GAPO with p = 1 has just found the smallest norm of the unit gradients' hull.
  const known = options.method === 'gapo' && options.p === 1 && leftOut.length === 0 && certificate !== null;
  return {
    alpha,
    weights,
    leftOut,
    certificate,
    norms: gradientNorms(gram),
    stationarity: known ? Math.min(1, certificate.squaredNorm) : stationarity(gram),
    progress: progressOf(gram, weights),
  };
}

/** The `stationarity` of a {@link Combination}, alone. */
export function stationarity(gram: Gram): number {
  if (gradientNorms(gram).includes(0)) return 0;
  return Math.min(1, minNorm(gram, 1).certificate.squaredNorm);
}

function choose<M extends Method>(gram: Gram, options: CombineOptions<M>): Choice {
  if (!Object.hasOwn(combiners, options.method)) {
    throw new RangeError(`method is ${String(options.method)}, expected one of ${methods.join(', ')}`);
  }
  const combiner: Combiner<M> = combiners[options.method];
  return combiner(gram, options);
}
