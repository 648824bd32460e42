/** From a classifier's logits [rows, labels] to scores. */
import type { TensorArray } from '@gapo/graph';
import { ModelError } from '@gapo/model';

/**
 * How many labels the logits have.
 * @throws ModelError where they are not float [rows, labels].
 */
export function labelCount(path: string, logits: TensorArray, rows: number): number {
  const { data, dims } = logits;
  const float = data instanceof Float32Array || data instanceof Float64Array;
  if (!float || dims.length !== 2 || dims[0] !== rows || dims[1] === 0) {
    const type = float ? 'float' : data.constructor.name.replace('Array', '').toLowerCase();
    throw new ModelError(
      path,
      `gives logits ${type} [${dims.join()}] for ${rows} rows; a classifier gives float [rows, 1] or [rows, labels]`,
    );
  }
  return dims[1] as number;
}

/**
 * The score of a row. With one label its logit; with several the log-odds of the chosen one against the rest,
 * z_l − log Σ_{k≠l} exp z_k, which no common shift of the logits changes.
 */
export function scoreOf(
  logits: Float32Array | Float64Array,
  row: number,
  labels: number,
  label: number | undefined,
): number {
  const at = (column: number): number => logits[row * labels + column] as number;
  if (labels === 1) return at(0);
  const chosen = label ?? 0;
  let largest = -Infinity;
  for (let k = 0; k < labels; k++) if (k !== chosen) largest = Math.max(largest, at(k));
  let sum = 0;
  for (let k = 0; k < labels; k++) if (k !== chosen) sum += Math.exp(at(k) - largest);
  return at(chosen) - largest - Math.log(sum);
}
