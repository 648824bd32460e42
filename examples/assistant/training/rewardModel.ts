/** A reward model: a small classifier fitted on preference pairs and evaluated on unseen combinations. */
import { type NamedTensor, type Tokenizer, llamaConfig, randomDecoder } from '@gapo/model';
import { PairEngine, type ScoreModel, type TokenPair, decoderScores, scoreHead } from '@gapo/training';
import { labelledAnswers, preferencePairs } from '../language/corpus.js';
import { sequenceText } from '../language/template.js';
import { train } from './loop.js';
import { calibrationAnswers, heldOutPairs, rewardFit, rewardShape, seed, withVocabulary } from './settings.js';

/** The objectives that the example has a reward model for. */
export type Objective = 'helpful' | 'harmless';

/** A fitted reward model. */
export interface RewardResult {
  readonly model: ScoreModel;
  readonly tensors: readonly NamedTensor[];
  /** Share of held-out pairs that agree with their noisy labels, and with the rubric. */
  readonly accuracy: { readonly labels: number; readonly rubric: number };
  /** For harmless: the score that best separates harmful from harmless answers, and its accuracy on held-out answers. */
  readonly threshold?: { readonly score: number; readonly accuracy: number };
}

/** Fits one objective's reward model from scratch on a share of the examples. */
export async function trainReward(
  objective: Objective,
  tokenizer: Tokenizer,
  options: { readonly threads: number; readonly share: number; readonly report: (line: string) => void },
): Promise<RewardResult> {
  const { threads, share, report } = options;
  const config = llamaConfig(withVocabulary(rewardShape, tokenizer.size));
  const model = decoderScores(config);
  const engine = await PairEngine.open(model, { threads });
  const tensors = randomDecoder(config, seed + (objective === 'helpful' ? 1 : 2), [scoreHead(config.width)]);
  const encode = (prompt: string, completion: string): Promise<number[]> =>
    tokenizer.encode(sequenceText(prompt, completion));
  const toTokens = async (pair: { prompt: string; chosen: string; rejected: string }): Promise<TokenPair> => ({
    chosen: await encode(pair.prompt, pair.chosen),
    rejected: await encode(pair.prompt, pair.rejected),
  });
  await train(tensors, {
    name: `reward ${objective}`,
    settings: rewardFit,
    seed,
    examples: await Promise.all(preferencePairs(objective, seed, Math.ceil(rewardFit.examples * share)).map(toTokens)),
    lengthOf: ({ chosen, rejected }) => Math.max(chosen.length, rejected.length),
    compute: (values, batch) => engine.compute(values, batch),
    report,
  });
  const pairs = preferencePairs(objective, seed, heldOutPairs, 'heldout');
  const right = [...(await engine.margins(tensors, await Promise.all(pairs.map(toTokens))))].map(
    (margin) => margin > 0,
  );
  const accuracy = {
    labels: shareTrue(right),
    rubric: shareTrue(right.map((agrees, index) => agrees === (pairs[index] as { margin: number }).margin > 0)),
  };
  const result = { model, tensors, accuracy };
  if (objective === 'helpful') {
    await engine.close();
    return result;
  }
  const scored = async (split: 'training' | 'heldout'): Promise<readonly Labelled[]> => {
    const answers = labelledAnswers(seed, calibrationAnswers, split);
    const sequences = await tokenizer.encodeAll(
      answers.map(({ prompt, completion }) => sequenceText(prompt, completion)),
    );
    const scores = await engine.score(tensors, sequences);
    return answers.map(({ harmful }, index) => ({ harmful, score: scores[index] as number }));
  };
  const threshold = bestThreshold(await scored('training'));
  const heldOut = await scored('heldout');
  await engine.close();
  return {
    ...result,
    threshold: {
      score: threshold,
      accuracy: shareTrue(heldOut.map(({ harmful, score }) => harmful === score < threshold)),
    },
  };
}

interface Labelled {
  readonly harmful: boolean;
  readonly score: number;
}

/** Returns the threshold with the highest accuracy, below which an answer is classified as harmful. */
function bestThreshold(answers: readonly Labelled[]): number {
  const sorted = [...answers].sort((a, b) => a.score - b.score);
  let right = sorted.filter(({ harmful }) => !harmful).length; // a threshold below every score: none called harmful
  let best = { right, score: (sorted[0] as Labelled).score };
  sorted.forEach(({ harmful, score }, index) => {
    right += harmful ? 1 : -1;
    const next = sorted[index + 1];
    if (right > best.right && next !== undefined) best = { right, score: (score + next.score) / 2 };
  });
  return best.score;
}

function shareTrue(flags: readonly boolean[]): number {
  return flags.filter(Boolean).length / flags.length;
}
