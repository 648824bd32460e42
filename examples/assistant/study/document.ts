/** Generates docs/study.md from the summaries. */
import { differenceOverSeeds } from './estimates.js';
import { fixed, list, markdownTable, shown, shownShare } from './format.js';
import type { FourSummary } from './four.js';
import { fourObjectives, groupNames, nameOf, objectives } from './methods.js';
import type { MovedMethod } from './moves.js';
import { movesFindings, movesTable } from './movesDocument.js';
import { claims, hhRlhf, pkuSafeRlhf, type Claim, type PaperRow } from './paper.js';
import { scopeLines, type Scope } from './scope.js';
import type { Row, Summary } from './summary.js';

const paperCells = (row: PaperRow | undefined): string[] =>
  row === undefined ? ['', '', ''] : row.map((value) => fixed(value));

/** The settings of a study, for its document. */
export interface StudyFacts {
  steps: number;
  /** The command that reproduces the study. */
  command: string;
  /** Plots next to the document, by the key of their condition. */
  plots: Readonly<Record<string, readonly { title: string; path: string }[]>>;
}

/** The summaries of the parts that were studied. */
export interface Study extends Scope {
  readonly paper: Summary | undefined;
  readonly loudness: readonly MovedMethod[] | undefined;
  readonly whitened: Summary | undefined;
  readonly four: FourSummary | undefined;
}

/** Returns docs/study.md. */
export function studyDocument(study: Study, facts: StudyFacts): string {
  const { paper, loudness, whitened, four } = study;
  const found = [
    ...(paper === undefined ? [] : [`### Under the paper's conditions\n\n${conditionFindings(paper)}`]),
    ...(loudness === undefined ? [] : [`### With a loud reward\n\n${list(movesFindings(loudness))}`]),
    ...(whitened === undefined ? [] : [`### With whitened advantages\n\n${conditionFindings(whitened)}`]),
    ...(four === undefined ? [] : [`### With four objectives\n\n${list(fourFindings(four))}`]),
  ];
  const sections = [
    ...(paper === undefined ? [] : [paperSection(paper, facts)]),
    ...(loudness === undefined ? [] : [loudSection(loudness)]),
    ...(whitened === undefined ? [] : [whitenedSection(whitened, facts)]),
    ...(four === undefined ? [] : [fourSection(four)]),
  ];
  return `# Study: the paper's methods on the example

Does what Li et al. 2025 (arXiv 2507.01915) report for GAPO hold on the example of this repository, a model of 1.5 million parameters? \`${facts.command}\`
generates this page; do not edit it by hand.

## Results

${found.join('\n\n')}

${setup(study, facts)}

${sections.join('\n\n')}
`;
}

/** How everything was measured. */
function setup(study: Study, { steps }: StudyFacts): string {
  return `## Setup

- Every policy starts from the example's fine-tuned policy (SFT) and trains for ${steps} steps with the settings of \`examples/assistant/run.yaml\`. Only the method, the
  normalisation of advantages and, in the loudness part, the scale of a reward and the place of the divergence differ.
- The divergence from SFT is part of every objective's reward, as in the paper, so methods that rescale gradients weigh it alike. Only the loudness part has it
  in the loss.
${scopeLines(study)}`;
}

function paperSection(summary: Summary, facts: StudyFacts): string {
  return `## The paper's conditions

Advantages are not whitened (\`ppo.normalizeAdvantages: false\`), so the lengths of gradients carry the rewards' scales, as in the paper.
The paper's columns are those of PKU-SafeRLHF with Mistral-7B (Li et al. 2025, arXiv 2507.01915). Its rewards are of other models on other prompts: the order of the methods
compares, the numbers do not.

${rewardTable(summary, true)}

- PPO-H and PPO-S maximise one objective alone. λ is the preference for \`helpful\`; that for \`harmless\` is 1 - λ.
- MORLHF maximises one reward, λ of the one and 1 - λ of the other (\`combine.method: morlhf\`).
- Rewarded Soups are averages of the weights of PPO-H and PPO-S, λ of the one and 1 - λ of the other.
- With two objectives the point of least norm between two unit gradients is their mean, so GAPO with p = 1 is P-GAPO with λ = 0.5.
- PPO-Lagrangian maximises \`helpful\` and holds the mean of \`harmless\` at or over that of the policy it starts from.

For HH-RLHF the paper gives:

${markdownTable(
  ['method', 'helpful', 'harmless', 'mean'],
  Object.entries(hhRlhf).map(([name, row]) => [name, ...paperCells(row)]),
)}

${frontSection(summary, facts)}`;
}

function whitenedSection(summary: Summary, facts: StudyFacts): string {
  return `## Whitened advantages

Each objective's advantages are whitened over the batch (\`ppo.normalizeAdvantages: true\`, the default of \`rloo\`). The gradients are then of similar length,
whatever the rewards' scales. Linear weights weigh these gradients: they are in units of the rewards' standard deviations.

${rewardTable(summary, false)}

${frontSection(summary, facts)}`;
}

function loudSection(methods: readonly MovedMethod[]): string {
  return `## Loud rewards

The reward of \`helpful\` is multiplied by the loudness (\`objectives[].scale\`). The divergence from the start is in the loss (\`kl.in: loss\`), since in the reward
a louder reward would weigh it less, whatever the method; otherwise the conditions are the paper's. The table has the unscaled rewards, and how
far each is from that with loudness 1, in units of the standard deviation over seeds there. Same steps are the first steps of each seed whose completions were
the same as with loudness 1. A method whose update depends on the scale differs from step 2 on. The update of GAPO with p = 1 and of P-GAPO does not depend on it,
and gapo keeps scales out of float32 ([0042](decisions/0042-unit-advantages.md)), so that no rounding depends on them either. The update of GDPO depends on it
only where all completions of a prompt score alike: there it divides rounding errors by the floor under the deviation, 0.0001 in units of the reward.

${movesTable('loudness', methods)}`;
}

function fourSection({ start, methods, seeds }: FourSummary): string {
  const table = markdownTable(
    ['method', ...fourObjectives, 'smallest gain', 'all gained', 'over-refusal'],
    [
      [start.name, ...start.rewards.map((estimate) => shown(estimate)), '', '', shownShare(start.overRefusal)],
      ...methods.map(({ name, rewards, smallestGain, allGained, overRefusal }) => [
        name,
        ...rewards.map((estimate) => shown(estimate)),
        shown(smallestGain),
        `${allGained} of ${seeds}`,
        shownShare(overRefusal),
      ]),
    ],
  );
  return `## Four objectives

\`examples/assistant/four.yaml\` has two rules beside the classifiers: \`brief\` rewards short answers, and \`polite\` a courtesy, which the starting policy writes
mostly in long answers. The conditions are the paper's; the methods with weights or a preference have equal ones.

${table}

The smallest gain is that of the objective that gains least over SFT, in standard deviations of SFT's rewards over the held-out prompts. All gained: the seeds in
which each of the four has a higher mean than SFT.`;
}

function rewardTable({ start, rows }: Summary, withPaper: boolean): string {
  return markdownTable(
    [
      'method',
      'helpful',
      'harmless',
      'mean',
      'over-refusal',
      ...(withPaper ? ['paper: helpful', 'harmless', 'mean'] : []),
    ],
    [start, ...rows].map((row) => [
      nameOf(row),
      ...row.rewards.map((estimate) => shown(estimate)),
      shown(row.mean),
      shownShare(row.overRefusal),
      ...(withPaper ? (row.share === undefined ? paperCells(pkuSafeRlhf[row.group]) : ['', '', '']) : []),
    ]),
  );
}

function frontSection({ condition, fronts, reference }: Summary, { plots }: StudyFacts): string {
  const volumes = markdownTable(
    ['front', 'policies', 'hypervolume', 'by seed'],
    fronts.map(({ name, policies, hypervolume, hypervolumes }) => [
      name,
      String(policies),
      shown(hypervolume),
      hypervolumes.map((value) => fixed(value)).join(', '),
    ]),
  );
  const images = (plots[condition.key] ?? []).map(({ title, path }) => `![${title}](${path})`);
  return `### Fronts: ${condition.key}

Hypervolume of each method's policies, seed by seed, over the reference point ${objectives
    .map((name, k) => `${name} ${fixed(reference[k] ?? NaN)}`)
    .join(', ')} (a tenth of each
objective's range under its worst value under these conditions).

${[volumes, ...images].join('\n\n')}`;
}

/** What a condition shows: the paper's claims, why they hold or not, and how preferences steer. */
function conditionFindings(summary: Summary): string {
  const { steering, fronts } = summary;
  const table = markdownTable(
    ['claim of the paper', 'here', 'difference'],
    claims.map((claim) => finding(summary, claim)),
  );
  const lines = [
    ...lengths(summary),
    ...steering.map(({ group, policies, nonDominated, dominatedBySoups, tau }) => {
      const soups =
        dominatedBySoups === undefined ? '' : `; an average of Rewarded Soups dominates ${dominatedBySoups} of them`;
      return `${group}: Kendall's τ of λ and the helpful reward is ${fixed(tau)}; ${nonDominated} of ${policies} policies are Pareto optimal among themselves${soups}.`;
    }),
    `Largest hypervolume: ${fronts
      .slice(0, 3)
      .map(({ name, hypervolume }) => `${name} ${shown(hypervolume)}`)
      .join(', then ')}.`,
  ];
  return `${table}\n\n${list(lines)}`;
}

/** Why GAPO and MGDA are as close as they are. */
function lengths({ rows }: Summary): string[] {
  const ratio = rows.find(({ group }) => group === groupNames.mgda)?.gradientRatio;
  if (ratio === undefined) return [];
  return [
    `Under MGDA the gradient of \`helpful\` is ${shown(ratio)} times as long as that of \`harmless\` (geometric mean over the steps). MGDA leans towards the shorter gradient, and GAPO first divides each by a power of its length. The closer this ratio is to 1, the less the two can differ.`,
  ];
}

function fourFindings({ start, methods, seeds }: FourSummary): string[] {
  return methods.map(
    ({ name, smallestGain, allGained, overRefusal }) =>
      `${name}: every objective gained in ${allGained} of ${seeds} seeds; smallest gain ${shown(smallestGain)} standard deviations; over-refusal ${shownShare(overRefusal)}, of SFT ${shownShare(start.overRefusal)}.`,
  );
}

/** Tests whether the paper's order holds: the sign of the mean difference, and whether its interval excludes 0. */
function finding({ rows, start }: Summary, { what, better, worse }: Claim): [claim: string, here: string, by: string] {
  const find = (name: string): Row | undefined => [start, ...rows].find(({ group }) => group === name);
  const [a, b] = [find(better), find(worse)];
  const claim = `${better} over ${worse} (${what})`;
  if (a === undefined || b === undefined) return [claim, 'not measured', ''];
  const { mean, low, high } = differenceOverSeeds(valuesOf(a, what), valuesOf(b, what));
  const by = shown({ mean, low, high });
  if (!Number.isFinite(low)) return [claim, mean > 0 ? 'same order, one seed' : 'opposite order, one seed', by];
  if (low > 0) return [claim, 'holds', by];
  if (high < 0) return [claim, 'does not hold', by];
  return [claim, 'not decided by these seeds', by];
}

function valuesOf({ points }: Row, what: Claim['what']): number[] {
  return points.map(([x, y]) => (what === 'helpful' ? x : what === 'harmless' ? y : (x + y) / 2));
}
