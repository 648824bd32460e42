/**
 * Direct preference optimisation (Rafailov et al. 2023, arXiv 2305.18290) with a label for each objective: the losses, and
 * the weights with which the gradients of log-probabilities add up to theirs.
 */
import { mean, standardDeviation } from '@gapo/numeric';

/** What the losses are computed from; P pairs, K objectives. */
export interface PairInput {
  readonly names: readonly string[];
  /** K labels of each pair: 1 where the first completion is better, -1 where the second is, 0 without a label. */
  readonly labels: readonly (readonly number[])[];
  /** log π of each completion: first and second of each pair in turn, length 2P. */
  readonly logprobs: Float64Array;
  /** log π of the same under the reference. */
  readonly reference: Float64Array;
  readonly beta: number;
  /** Probability that a label is wrong. */
  readonly labelSmoothing: number;
}

/** One objective's part. */
export interface PairObjective {
  /** Mean implicit-reward margin β·h·label over its labelled pairs. */
  readonly margin: number;
  /** Their population standard deviation. */
  readonly std: number;
  /** Share of its labelled pairs that the policy ranks as labelled, compared with the reference; ties count half. */
  readonly accuracy: number;
}

/** What a step learns from its pairs. */
export interface PairSignal {
  /** [K, 2P]: the sum over completions of weight · ∇ log π, divided by P, is the ascent gradient of each objective's loss. */
  readonly weights: Float32Array;
  readonly objectives: readonly PairObjective[];
}

/**
 * The loss of objective k is the mean over its labelled pairs of -(1 - ε) log σ(m) - ε log σ(-m) with the margin
 * m = β · label · h and h = log π(y₁)/π_ref(y₁) - log π(y₂)/π_ref(y₂) (label smoothing: Mitchell 2023, conservative DPO).
 * Its slope in h is -β · label · ((1 - ε) σ(-m) - ε σ(m)); log π(y₁) counts with +1 in h, log π(y₂) with -1.
 *
 * @throws RangeError naming an objective without any label
 */
export function pairSignal({ names, labels, logprobs, reference, beta, labelSmoothing }: PairInput): PairSignal {
  const count = labels.length;
  const weights = new Float32Array(names.length * 2 * count);
  const objectives = names.map((name, k): PairObjective => {
    const labelled = [...labels.keys()].filter((p) => labels[p]![k] !== 0);
    if (labelled.length === 0) throw new RangeError(`no pair has a label for ${name}`);
    const margins = labelled.map((p) => {
      const h = logprobs[2 * p]! - reference[2 * p]! - (logprobs[2 * p + 1]! - reference[2 * p + 1]!);
      const label = labels[p]![k]!;
      const margin = beta * label * h;
      const pull = (1 - labelSmoothing) * sigmoid(-margin) - labelSmoothing * sigmoid(margin);
      const weight = (beta * label * pull * count) / labelled.length;
      weights[k * 2 * count + 2 * p] = weight;
      weights[k * 2 * count + 2 * p + 1] = -weight;
      return margin;
    });
    const right = margins.reduce((sum, margin) => sum + (margin > 0 ? 1 : margin === 0 ? 0.5 : 0), 0);
    return { margin: mean(margins), std: standardDeviation(margins, 'population'), accuracy: right / margins.length };
  });
  return { weights, objectives };
}

function sigmoid(x: number): number {
  return x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
}
