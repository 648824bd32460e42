/**
 * Direct preference optimization (Rafailov et al. 2023, arXiv 2305.18290) with a label for each objective: the loss of a pair, its slope, and the
 * weights with which gradients of log-probabilities sum to the gradient of each objective's loss.
 *
 *   L = −(1 − ε)·ln σ(m) − ε·ln σ(−m)    ε: the probability that a label is wrong (Mitchell 2023, conservative DPO)
 *   m = β·label·h                        h = ln π(y₁)/π_ref(y₁) − ln π(y₂)/π_ref(y₂)
 *   ∂L / ∂m = −((1 − ε)·σ(−m) − ε·σ(m))  ∂h / ∂ln π(y₁) = 1, ∂h / ∂ln π(y₂) = −1
 */
import { at, mean, standardDeviation } from '@gapo/numeric';

/** The loss of a pair with margin m. */
export function preferenceLoss(margin: number, labelSmoothing: number): number {
  return -(1 - labelSmoothing) * logSigmoid(margin) - labelSmoothing * logSigmoid(-margin);
}

/** ∂L / ∂m. */
export function preferenceSlope(margin: number, labelSmoothing: number): number {
  return -((1 - labelSmoothing) * sigmoid(-margin) - labelSmoothing * sigmoid(margin));
}

/** The inputs of a batch's losses; P pairs, K objectives. */
export interface PairInput {
  readonly names: readonly string[];
  /** [P][K]: 1 if the first completion is better, −1 if the second is, 0 without a label. */
  readonly labels: readonly (readonly number[])[];
  /** [2P], ln π of each completion, first and second of each pair in turn. */
  readonly logprobs: Float64Array;
  /** [2P], ln π_ref of the same. */
  readonly reference: Float64Array;
  readonly beta: number;
  /** The probability that a label is wrong. */
  readonly labelSmoothing: number;
}

/** One objective's statistics over its labelled pairs. */
export interface PairObjective {
  /** The mean margin m. */
  readonly margin: number;
  /** The margins' population standard deviation. */
  readonly std: number;
  /** The share of pairs that the policy ranks as labelled, relative to the reference; ties count half. */
  readonly accuracy: number;
  /** The mean loss L, > 0. */
  readonly loss: number;
}

/** The learning signal of a step's pairs. */
export interface PairSignal {
  /** [2P, K], Σ over completions of weight · ∇ln π, divided by P, is the ascent direction of each objective: minus the gradient of its mean loss. */
  readonly weights: Float64Array;
  readonly objectives: readonly PairObjective[];
}

/**
 * The signal of a batch of pairs. An objective's loss is the mean over the pairs it labels.
 *
 * @throws RangeError naming an objective without a label
 */
export function pairSignal({ names, labels, logprobs, reference, beta, labelSmoothing }: PairInput): PairSignal {
  const count = labels.length;
  const weights = new Float64Array(2 * count * names.length); // [2P, K]
  const logRatio = (completion: number): number => at(logprobs, completion) - at(reference, completion);
  const objectives = names.map((name, k): PairObjective => {
    const labelled = labels.flatMap((row, pair) => (row[k] === 0 ? [] : [{ pair, label: at(row, k) }]));
    if (labelled.length === 0) throw new RangeError(`no pair has a label for ${name}`);
    const margins = labelled.map(({ pair, label }) => {
      const margin = beta * label * (logRatio(2 * pair) - logRatio(2 * pair + 1));
      const weight = (-beta * label * preferenceSlope(margin, labelSmoothing) * count) / labelled.length;
      weights[2 * pair * names.length + k] = weight;
      weights[(2 * pair + 1) * names.length + k] = -weight;
      return margin;
    });
    const right = margins.reduce((sum, margin) => sum + (margin > 0 ? 1 : margin === 0 ? 0.5 : 0), 0);
    return {
      margin: mean(margins),
      std: standardDeviation(margins, 'population'),
      accuracy: right / margins.length,
      loss: mean(margins.map((margin) => preferenceLoss(margin, labelSmoothing))),
    };
  });
  return { weights, objectives };
}

function sigmoid(x: number): number {
  return x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
}

function logSigmoid(x: number): number {
  return x >= 0 ? -Math.log1p(Math.exp(-x)) : x - Math.log1p(Math.exp(x));
}
