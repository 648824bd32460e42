/** Every combiner by its name, in the order of the documentation. A new one is a file and a line here. */

import { alignedMtl } from './alignedMtl.js';
import { cagrad } from './cagrad.js';
import type { Combiner } from './combiner.js';
import { dualproj } from './dualproj.js';
import { fairgrad } from './fairgrad.js';
import { gapo } from './gapo.js';
import { gdpo } from './gdpo.js';
import { gradvac } from './gradvac.js';
import { imtlG } from './imtlG.js';
import { lagrangian } from './lagrangian.js';
import { linear } from './linear.js';
import { mgda } from './mgda.js';
import { mgdaDecoupled } from './mgdaDecoupled.js';
import { morlhf } from './morlhf.js';
import { nashMtl } from './nashMtl.js';
import { pama } from './pama.js';
import { pcgrad } from './pcgrad.js';
import { pgapo } from './pgapo.js';
import { raco } from './raco.js';
import { single } from './single.js';
import { tchebycheff } from './tchebycheff.js';
import { upgrad } from './upgrad.js';

/**
 * Combiners by name. Functions that depend on the set of combiners take a registry, {@link combiners} by
 * default.
 */
export type Registry = Readonly<Record<string, Combiner>>;

/** The combiners that a run configuration can name as `combine.method`. */
export const combiners = {
  mgda,
  gapo,
  pgapo,
  linear,
  morlhf,
  gdpo,
  single,
  lagrangian,
  tchebycheff,
  pcgrad,
  gradvac,
  cagrad,
  raco,
  'imtl-g': imtlG,
  'nash-mtl': nashMtl,
  fairgrad,
  'aligned-mtl': alignedMtl,
  upgrad,
  dualproj,
  pama,
  'mgda-decoupled': mgdaDecoupled,
} satisfies Registry;

/** The combiners of this package, with their types. */
export type Combiners = typeof combiners;

/** Names of the methods of a registry. */
export type Method<R extends Registry = Combiners> = keyof R & string;

/** All methods, in the order of the documentation. */
export const methods = Object.keys(combiners) as readonly Method[];

/** Options of one method, or of any: a union discriminated by `method`. */
export type CombineOptions<M extends Method<R> = Method, R extends Registry = Combiners> = {
  [N in M]: { readonly method: N } & Parameters<R[N]['choose']>[1];
}[M];

/**
 * Looks a combiner up.
 *
 * @throws RangeError for a name that the registry does not have
 */
export function combinerOf(method: string, registry: Registry = combiners): Combiner {
  const found = Object.hasOwn(registry, method) ? registry[method] : undefined;
  if (found !== undefined) return found;
  throw new RangeError(`method is ${method}, expected one of ${Object.keys(registry).join(', ')}`);
}
