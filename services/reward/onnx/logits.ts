/** Turns a classifier's logits [rows, labels] into scores. */
import type { TensorArray } from '@gapo/graph';
import { ModelError, toFloat32 } from '@gapo/model';
import { at, shapeText } from '@gapo/numeric';
import type { ScoreFunction } from './classifierOptions.js';

/** Logits as numbers. */
export interface Logits {
  /** [rows, labels] */
  readonly data: Float32Array | Float64Array;
  readonly labels: number;
}

/**
 * Returns a model's output as logits. float16 is widened, and a vector [rows] is one label.
 *
 * @param name the output's name
 * @throws ModelError if they are not float [rows] or [rows, labels]
 */
export function logitsIn(path: string, name: string, output: TensorArray, rows: number): Logits {
  const { data: found, dims } = output;
  const data = found instanceof Uint16Array ? widened(found) : found;
  const float = data instanceof Float32Array || data instanceof Float64Array;
  const [height, labels = 1] = dims;
  if (float && (dims.length === 1 || dims.length === 2) && height === rows && labels > 0) return { data, labels };
  const type = float ? 'float' : data.constructor.name.replace('Array', '').toLowerCase();
  throw new ModelError(
    path,
    `gives ${name} ${type} ${shapeText(dims)} for ${rows} rows; a classifier gives float [rows] or [rows, labels]`,
  );
}

function widened(halves: Uint16Array): Float32Array {
  return toFloat32(new Uint8Array(halves.buffer, halves.byteOffset, halves.byteLength), 'F16');
}

/**
 * Returns the score of a row [labels] for the label l.
 *
 * - `none`: the logit z_l.
 * - `sigmoid`: 1 / (1 + exp −z_l).
 * - `softmax`: exp z_l / Σ exp z_k.
 * - `log_odds`: z_l − log Σ_{k≠l} exp z_k, the log-odds of the label against the rest, which is invariant to a common
 *   shift of the logits.
 */
export function scoreOf(row: Float32Array | Float64Array, label: number, apply: ScoreFunction): number {
  const chosen = at(row, label);
  if (apply === 'none') return chosen;
  if (apply === 'sigmoid') return sigmoid(chosen);
  const odds = chosen - logSumExp(row.filter((_, k) => k !== label));
  return apply === 'log_odds' ? odds : sigmoid(odds);
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

function logSumExp(values: Float32Array | Float64Array): number {
  let largest = -Infinity;
  for (const value of values) largest = Math.max(largest, value);
  let sum = 0;
  for (const value of values) sum += Math.exp(value - largest);
  return largest + Math.log(sum);
}
