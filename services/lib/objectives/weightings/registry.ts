/**
 * Every weighting by its name, in the order of the documentation. To add one, add a file and a line here.
 */

import { ctwa } from './ctwa.js';
import { dynamic } from './dynamic.js';
import { saMrpo } from './saMrpo.js';
import { saw } from './saw.js';
import type { Weighting } from './weighting.js';

/** The weightings that a run configuration can name as `combine.weighting.method`. */
export const weightings = {
  saw,
  'sa-mrpo': saMrpo,
  ctwa,
  dynamic,
} satisfies Readonly<Record<string, Weighting>>;

/** The weightings of this package, with their types. */
export type Weightings = typeof weightings;

/**
 * Looks a weighting up.
 *
 * @throws RangeError for a name that the registry does not have
 */
export function weightingOf(method: string): Weighting {
  const found: Weighting | undefined = Object.hasOwn(weightings, method)
    ? (weightings as Readonly<Record<string, Weighting>>)[method]
    : undefined;
  if (found !== undefined) return found;
  throw new RangeError(`weighting is ${method}, expected one of ${Object.keys(weightings).join(', ')}`);
}
