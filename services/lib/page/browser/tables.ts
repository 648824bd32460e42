/** The tables of the page: the last step's objectives and reward services, an evaluation, the audit log. */
import type {
  EvaluationReportJson,
  EvaluationSampleJson,
  IntervalJson,
  RewardEventJson,
  RunJson,
  StepReportJson,
} from '@gapo/rpc/json';
import { stateWord } from '@gapo/rpc/runState';
import type { AuditTrail } from '#page/data.js';
import { duration, element, fixed, numbersText, percent, significant, unknown, type Content } from '#page/format.js';

/** A column: its head, and whether it holds numbers. */
export type Column = [head: string, number?: 'number'];

/** Makes a table. A column in which nothing is known is left out. */
export function table(all: readonly Column[], cells: readonly (readonly Content[])[], className = ''): HTMLElement {
  const known = all.map((_, i) => cells.some((row) => row[i] !== unknown));
  const columns = all.filter((_, i) => known[i]);
  const rows = cells.map((row) => row.filter((_, i) => known[i]));
  const cell = (name: 'td' | 'th', content: Content, kind: string | undefined): HTMLElement =>
    element(name, kind === undefined ? {} : { class: kind }, content);
  const head = element('tr', {}, ...columns.map(([text, kind]) => cell('th', text, kind)));
  const body = rows.map((row) => element('tr', {}, ...row.map((content, i) => cell('td', content, columns[i]?.[1]))));
  const made = element('table', { class: className }, element('thead', {}, head), element('tbody', {}, ...body));
  const label = `Table: ${columns
    .map(([text]) => text)
    .filter(Boolean)
    .join(', ')}`;
  // A keyboard scrolls what has the focus.
  return element('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': label }, made);
}

/** Makes a badge of a run's state. */
export function stateBadge(state: string): HTMLElement {
  const word = stateWord(state);
  return element('span', { class: 'state', 'data-state': word }, word);
}

/** Returns the mean rewards of a run at its last step. */
export function rewardsText({ lastStep }: RunJson): string {
  return lastStep?.objectives.map(({ name, rewardMean }) => `${name} ${fixed(rewardMean, 3)}`).join('  ') ?? unknown;
}

/** Makes the table of the objectives of a step. */
export function objectivesTable(step: StepReportJson): HTMLElement {
  const rows = step.objectives.map((objective) => [
    objective.name,
    fixed(objective.rewardMean, 3),
    fixed(objective.rewardStd, 3),
    significant(objective.weight),
    significant(objective.gradientNorm),
    significant(objective.progress),
    significant(objective.multiplier),
    percent(objective.accuracy),
    String(objective.failed),
  ]);
  const columns: Column[] = [
    ['objective'],
    ['mean reward', 'number'],
    ['std', 'number'],
    ['weight', 'number'],
    ['gradient norm', 'number'],
    ['progress', 'number'],
    ['multiplier', 'number'],
    ['accuracy', 'number'],
    ['not scored', 'number'],
  ];
  return table(columns, rows);
}

/** How many failures and outliers of one service are shown. */
const quoted = 3;

/**
 * Makes the section of the reward services as a list of one; of none with DPO, which has no services.
 *
 * @param scored the newest event of each objective, which has the address of its service, and what the service said
 */
export function servicesSection(
  { objectives }: StepReportJson,
  scored: ReadonlyMap<string, RewardEventJson>,
): HTMLElement[] {
  if (objectives.every(({ accuracy }) => accuracy !== undefined)) return [];
  const rows = objectives.map(({ name, latencyMs, failed, outliers }) => {
    const event = scored.get(name);
    const said = [...(event?.failures ?? []), ...(event?.outliers ?? [])].slice(0, quoted);
    return [
      name,
      event?.service || unknown,
      latencyMs === null ? unknown : duration(latencyMs / 1000),
      failed > 0 ? element('span', { class: 'problem' }, String(failed)) : '0',
      outliers === undefined ? unknown : String(outliers),
      said.length === 0 ? unknown : said.join('; '),
    ];
  });
  const columns: Column[] = [['objective'], ['service'], ['slowest call', 'number'], ['not scored', 'number'], ['outliers', 'number'], ['for example']]; // prettier-ignore
  return [
    element('section', { 'aria-label': 'Reward services' }, element('h2', {}, 'Reward services'), table(columns, rows)),
  ];
}

/** Makes the section of what people did to the run. */
export function auditSection({ entries, problem }: AuditTrail): HTMLElement {
  const values = (record: Readonly<Record<string, unknown>>): Content =>
    Object.keys(record).length === 0 ? '' : element('code', {}, JSON.stringify(record));
  const rows = entries.map(({ time, action, by: { name, role, peer, identity }, before, after }) => [
    new Date(time).toLocaleString(),
    role === undefined ? name : `${name} (${role})`,
    identity === undefined ? peer : `${peer} ${identity}`,
    action,
    values(before),
    values(after),
  ]);
  const columns: Column[] = [['when'], ['who'], ['from'], ['what'], ['before'], ['after']];
  return element(
    'section',
    { 'aria-label': 'Audit log' },
    element('h2', {}, 'Changes by people'),
    ...(problem === undefined ? [] : [element('p', { class: 'problem' }, problem)]),
    table(columns, rows),
  );
}

export const range = (interval: IntervalJson | undefined): string =>
  interval === undefined ? unknown : `${fixed(interval.low, 3)} to ${fixed(interval.high, 3)}`;

/** Says what was evaluated, such as `version 40, preference helpful 0.7, harmless 0.3`. */
export function evaluatedText({ version, preference, objectives }: EvaluationReportJson): string {
  const names = objectives.map(({ name }) => name);
  const stated = numbersText(preference, names);
  return `version ${version}${stated === '' ? '' : `, preference ${stated}`}`;
}

/** Makes the section of an evaluation: a row for each objective, then sample prompts. */
export function evaluationSection(report: EvaluationReportJson): HTMLElement {
  const { prompts, objectives, samples, winRate } = report;
  const rows = objectives.map((objective) => [
    objective.name,
    fixed(objective.before?.mean, 3),
    fixed(objective.after?.mean, 3),
    range(objective.after),
    fixed(objective.difference?.mean, 3),
    percent(objective.acceptableBefore?.mean),
    percent(objective.acceptableAfter?.mean),
    percent(objective.winRate?.mean),
  ]);
  const columns: Column[] = [
    ['objective'],
    ['before', 'number'],
    ['after', 'number'],
    ['95 % interval', 'number'],
    ['difference', 'number'],
    ['acceptable before', 'number'],
    ['after', 'number'],
    ['win rate', 'number'],
  ];
  const names = objectives.map(({ name }) => name);
  return element(
    'section',
    { 'aria-label': 'Evaluation' },
    element('h2', {}, `Held-out prompts: ${evaluatedText(report)}, against the starting policy`),
    element('p', {}, `${prompts} prompts. Win rate over all objectives: ${percent(winRate?.mean)}.`),
    table(columns, rows),
    ...(samples.length === 0 ? [] : [element('h2', {}, 'Sample prompts'), samplesTable(samples, names)]),
  );
}

/** Makes a completion with its scores. @param names of the objectives, in the order of the scores */
export function scoredText(
  text: string,
  scores: EvaluationSampleJson['scoresBefore'],
  names: readonly string[],
): HTMLElement {
  const shown = names.map((name, i) => `${name} ${fixed(scores[i], 2)}`).join(', ');
  return element('div', {}, text === '' ? '(empty)' : text, element('div', { class: 'quiet' }, shown));
}

function samplesTable(samples: readonly EvaluationSampleJson[], names: readonly string[]): HTMLElement {
  const rows = samples.map((sample) => [
    sample.prompt,
    scoredText(sample.before, sample.scoresBefore, names),
    scoredText(sample.after, sample.scoresAfter, names),
  ]);
  return table([['prompt'], ['before'], ['after']], rows, 'samples');
}
