/** Formats a front as a table, and as the JSON of `--json`. */
import { fixed, orNull, significant } from '../render/numbers.js';
import { table } from '../render/table.js';
import type { FrontAnalysis } from './analysis.js';
import type { Front } from './front.js';

const range = (low: number | null | undefined, high: number | null | undefined): string =>
  `${fixed(low ?? undefined, 3)} to ${fixed(high ?? undefined, 3)}`;

/** Formats the policies, with `*` before the non-dominated ones, and the hypervolume of each group. */
export function frontTable(front: Front, analysis: FrontAnalysis): string {
  const { objectives, policies, start, prompts } = front;
  const values = (rewards: Front['policies'][number]['rewards']): string[] =>
    objectives.flatMap((name) => [fixed(rewards[name]?.mean, 3), range(rewards[name]?.low, rewards[name]?.high)]);
  const rows = policies.map((policy, i) => [
    analysis.nonDominated.has(i) ? '*' : '',
    policy.group,
    policy.label === policy.run ? '' : policy.label,
    ...values(policy.rewards),
    policy.run,
  ]);
  if (start !== null) rows.push(['', 'start', '', ...values(start), '(version 0)']);
  const head = ['', 'policy', objectives.join('/'), ...objectives.flatMap((name) => [name, '95 % interval']), 'run'];
  const numeric = objectives.map((_, k) => 3 + 2 * k);
  return [
    `Mean rewards on ${prompts} held-out prompts.`,
    '',
    table(head, rows, numeric),
    '',
    `* not dominated by another policy here: ${analysis.nonDominated.size} of ${policies.length}.`,
    hypervolumeText(front, analysis),
    ...ordersText(front, analysis),
  ].join('\n');
}

function hypervolumeText({ objectives }: Front, analysis: FrontAnalysis): string {
  const { reference, referenceFrom, hypervolumes } = analysis;
  const groups = hypervolumes.map(
    ({ group, value, policies }) =>
      `${group} ${significant(value)} (${policies} ${policies === 1 ? 'policy' : 'policies'})`,
  );
  const origin = objectives.map((name, k) => `${name} ${significant(reference[k])}`).join(', ');
  return `Hypervolume: ${groups.join(', ')}. Reference point: ${origin} (${referenceFrom}).`;
}

function ordersText({ objectives }: Front, { orders }: FrontAnalysis): string[] {
  return orders.map(({ group, taus }) => {
    const each = objectives.map((name, k) => `${name} ${significant(taus[k])}`).join(', ');
    return `Kendall's τ of preference and mean reward: ${group} ${each}.`;
  });
}

/** Returns the front with its analysis. Unknown numbers are null. */
export function frontJson(front: Front, analysis: FrontAnalysis): object {
  const { reference, referenceFrom, hypervolumes, nonDominated, dominatedBy } = analysis;
  return {
    ...front,
    policies: front.policies.map((policy, i) => ({
      ...policy,
      nonDominated: nonDominated.has(i),
      dominatedBy: (dominatedBy[i] ?? []).map((other) => front.policies[other]?.run ?? ''),
    })),
    reference: Object.fromEntries(front.objectives.map((name, k) => [name, orNull(reference[k])])),
    referenceFrom,
    kendallTau: Object.fromEntries(
      analysis.orders.map(({ group, taus }) => [
        group,
        Object.fromEntries(front.objectives.map((name, k) => [name, orNull(taus[k])])),
      ]),
    ),
    hypervolume: Object.fromEntries(hypervolumes.map(({ group, value }) => [group, orNull(value)])),
  };
}
