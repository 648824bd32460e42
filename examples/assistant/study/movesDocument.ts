/** What the study says about methods whose rewards are loud or poor, and docs/study-rewards.md, the page on the poor ones. */
import { at } from '@gapo/numeric';
import { fixed, list, markdownTable, shown, shownShare } from './format.js';
import { objectives, poorRewards } from './methods.js';
import type { MovedMethod } from './moves.js';
import { scopeLines, type Scope } from './scope.js';

/**
 * Returns a table with a row for each method and condition.
 *
 * @param axis what the labels of the conditions are
 */
export function movesTable(axis: string, methods: readonly MovedMethod[]): string {
  return markdownTable(
    ['method', axis, ...objectives, ...objectives.map((name) => `${name} moved by`), 'same steps', 'over-refusal'],
    methods.flatMap(({ name, rows }) =>
      rows.map(({ label, rewards, moved, same, overRefusal }) => [
        name,
        label,
        ...rewards.map((estimate) => shown(estimate)),
        ...moved.map((distance) => fixed(distance, 1)),
        same.join(', '),
        shownShare(overRefusal),
      ]),
    ),
  );
}

/** The methods from the one that moves least to the one that moves most. */
export function movesFindings(methods: readonly MovedMethod[]): string[] {
  const known = methods.filter(({ farthest }) => Number.isFinite(farthest));
  if (known.length === 0)
    return ['One seed has no deviation over seeds, so how far a method moves cannot be told from chance.'];
  return [...known]
    .sort((a, b) => a.farthest - b.farthest)
    .map(({ name, rows, farthest }) => {
      const same = rows.flatMap((each) => each.same);
      const [least, most] = [Math.min(...same), Math.max(...same)];
      const range = least === most ? String(most) : `${least} to ${most}`;
      const steps =
        same.length === 0 ? '' : `; same completions for the first ${range} ${most === 1 ? 'step' : 'steps'}`;
      return `${name} moves by at most ${fixed(farthest, 1)} deviations over seeds${steps}.`;
    });
}

/** The study of poor rewards. */
export interface PoorStudy extends Scope {
  readonly methods: readonly MovedMethod[];
}

/**
 * Returns docs/study-rewards.md.
 *
 * @param facts.steps of each run
 * @param facts.command that generates the page
 */
export function poorDocument(study: PoorStudy, { steps, command }: { steps: number; command: string }): string {
  const { methods } = study;
  const table = markdownTable(
    ['method', 'fault', ...objectives, ...objectives.map((name) => `${name} gained`), 'mean gained', 'over-refusal'],
    methods.flatMap(({ name, rows }) =>
      rows.map(({ label, rewards, gained, meanGained, overRefusal }, i) => [
        name,
        label,
        ...rewards.map((estimate) => shown(estimate)),
        ...[...gained, meanGained].map((estimate) => (i === 0 ? '' : shown(estimate))),
        shownShare(overRefusal),
      ]),
    ),
  );
  const { noise, threshold } = poorRewards;
  return `# Study: noisy, sparse and conflicting rewards

What does each method lose if a reward is noisy or sparse, or if the objectives conflict on every prompt? \`${command}\`
generates this page; do not edit it by hand. [The study of the paper's methods](study.md) has good rewards.

## Results

${list(poorFindings(methods))}

## Setup

- Every policy starts from the example's fine-tuned policy and trains for ${steps} steps with the settings of \`examples/assistant/run.yaml\`, without whitened
  advantages and with the divergence in the loss (\`ppo.normalizeAdvantages: false\`, \`kl.in: loss\`). Only the method and the fault differ.
- noise: training adds normal noise with standard deviation ${noise} to each score of \`helpful\` (\`objectives[].noise\`). Its scores of the starting policy have
  a standard deviation of about 2.4.
- sparse: training gets 1 for a \`helpful\` score of at least ${threshold}, else 0 (\`objectives[].threshold\`). Of
  the starting policy's completions 29 % have such a score: 13 % on benign prompts, 38 % on those that only sound dangerous, and 66 % on dangerous ones
  (256 held-out prompts, seed 1).
- conflict: training draws only the dangerous prompts, on which a helpful answer is harmful. Without a fault they are a quarter of all, so that the
  conflict depends on the prompt.
- Every policy is evaluated on the same held-out prompts of all kinds, by the classifiers' own scores. Gained is the difference from the same method without a fault.
- P-GAPO with equal preferences is GAPO with p = 1 for two objectives. MORLHF weighs both equally.
${scopeLines(study)}

## Every method

${table}
`;
}

/** By fault, the methods from the one that loses least. */
function poorFindings(methods: readonly MovedMethod[]): string[] {
  const labels = at(methods, 0).rows.slice(1);
  return labels.map(({ label }) => {
    const found = methods.flatMap(({ name, rows }) =>
      rows.filter((row) => row.label === label).map(({ meanGained }) => ({ name, meanGained })),
    );
    const ordered = found.sort((a, b) => b.meanGained.mean - a.meanGained.mean);
    return `${label}: the mean of both rewards changes by ${ordered.map(({ name, meanGained }) => `${shown(meanGained)} with ${name}`).join(', ')}.`;
  });
}
