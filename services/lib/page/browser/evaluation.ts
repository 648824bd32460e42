/** Evaluations on the held-out prompts: the results of a run's versions side by side, and new ones. */
import type { EvaluationReportJson, IntervalJson } from '@gapo/rpc/json';
import { evaluate, fetchCaller, fetchEvaluations } from '#page/control.js';
import { Dial } from '#page/dial.js';
import { isConditioned } from '#page/estimate.js';
import { element, fixed, numbersText, percent, unknown, type Content } from '#page/format.js';
import type { LiveRun } from '#page/liveRun.js';
import { roundedShares, sharesIn } from '#page/simplex.js';
import { evaluatedText, range, scoredText, table, type Column } from '#page/tables.js';
import { messageOf, problemText, type View } from '#page/view.js';

/** Prompts whose completions are shown. */
const shownPrompts = 10;

/** Shows the evaluations of a run. */
export class EvaluationView implements View {
  readonly element = element('div');
  readonly #live: LiveRun;
  readonly #version = element('input', { id: 'evaluatedVersion', type: 'number', min: '0', step: '1' });
  readonly #start = element('button', { type: 'button', class: 'primary' }, 'Evaluate');
  readonly #stop = element('button', { type: 'button' }, 'Stop');
  readonly #said = element('p', { class: 'quiet', role: 'status' });
  readonly #results = element('div');
  readonly #texts = element('div');
  /** The stated preference; undefined if the policy takes none. */
  readonly #dial: Dial | undefined;
  /** The results with completions, by what was evaluated, in the order of the evaluations. */
  readonly #withTexts = new Map<string, EvaluationReportJson>();
  #running: AbortController | undefined;

  constructor(live: LiveRun) {
    this.#live = live;
    this.#version.placeholder = 'newest';
    this.#stop.hidden = true;
    this.#start.addEventListener('click', () => void this.#evaluate());
    this.#stop.addEventListener('click', () => this.#running?.abort());
    const label = element('label', { for: 'evaluatedVersion' }, 'Version');
    const bar = element('div', { class: 'bar' }, label, this.#version, this.#start, this.#stop);
    const { run } = live;
    if (isConditioned(run)) {
      const configured = sharesIn(run.preference, run.objectives);
      this.#dial = new Dial(run.objectives, configured, true, () => undefined);
      this.element.append(element('p', { class: 'quiet' }, 'Evaluate with this preference:'), this.#dial.element);
    }
    this.element.append(bar, this.#said, this.#results, this.#texts);
    void this.#load();
  }

  draw(): void {
    // Steps change no result.
  }

  leave(): void {
    this.#running?.abort();
  }

  async #load(): Promise<void> {
    try {
      const { mayChange, why } = await fetchCaller();
      this.#start.disabled = !mayChange || this.#running !== undefined;
      this.#start.title = why;
      if (!mayChange) this.#said.textContent = `Not allowed to evaluate: ${why}.`;
      await this.#drawResults();
    } catch (error) {
      this.#results.replaceChildren(problemText(messageOf(error)));
    }
  }

  async #drawResults(): Promise<void> {
    const reports = await fetchEvaluations(this.#live.id);
    this.#results.replaceChildren(
      ...(reports.length === 0
        ? [element('p', { class: 'quiet' }, 'No version has been evaluated yet.')]
        : [element('h2', {}, 'Held-out prompts, by version'), resultsTable(reports)]),
    );
  }

  async #evaluate(): Promise<void> {
    const running = new AbortController();
    const text = this.#version.value;
    const version = text === '' ? undefined : Number(text);
    this.#show(running);
    this.#said.textContent = 'Starting…';
    try {
      const shares = roundedShares(this.#dial?.shares ?? []);
      const names = this.#dial === undefined ? [] : this.#live.run.objectives;
      const preference = Object.fromEntries(names.map((name, i) => [name, shares[i] ?? NaN]));
      const options = { version, samples: shownPrompts, preference, signal: running.signal };
      const report = await evaluate(this.#live.id, options, ({ phase, done, total, waitingFor }) => {
        const wait = waitingFor === '' ? '' : `, waiting for ${waitingFor}`;
        this.#said.textContent = `Evaluating: ${phase}${total > 0 ? ` ${done} of ${total}` : ''}${wait}`;
      });
      this.#said.textContent = `${evaluatedText(report).replace('v', 'V')}: wins ${percent(report.winRate?.mean)} of ${report.prompts} prompts against the starting policy.`;
      this.#withTexts.delete(evaluatedText(report));
      this.#withTexts.set(evaluatedText(report), report);
      this.#texts.replaceChildren(...textsOf([...this.#withTexts.values()]));
      await this.#drawResults();
    } catch (error) {
      this.#said.replaceChildren(running.signal.aborted ? 'Stopped.' : problemText(messageOf(error)));
    } finally {
      this.#show(undefined);
    }
  }

  /** @param running the evaluation in progress, if any */
  #show(running: AbortController | undefined): void {
    this.#running = running;
    this.#start.disabled = running !== undefined;
    this.#stop.hidden = running === undefined;
  }
}

/** A row for the starting policy, then one for each version. */
function resultsTable(reports: readonly EvaluationReportJson[]): HTMLElement {
  const names = [...new Set(reports.flatMap(({ objectives }) => objectives.map(({ name }) => name)))];
  const cells = (of: (name: string) => IntervalJson | undefined): string[] =>
    names.flatMap((name) => [fixed(of(name)?.mean, 3), range(of(name))]);
  const of = (report: EvaluationReportJson | undefined, name: string) =>
    report?.objectives.find((each) => each.name === name);
  const rows: Content[][] = [
    ['start', unknown, ...cells((name) => of(reports.at(-1), name)?.before), '', ''],
    ...reports.map((report) => [
      String(report.version),
      numbersText(report.preference, names) || unknown,
      ...cells((name) => of(report, name)?.after),
      percent(report.winRate?.mean),
      String(report.prompts),
    ]),
  ];
  const columns: Column[] = [
    ['version'],
    ['preference'],
    ...names.flatMap((name): Column[] => [
      [name, 'number'],
      ['95 % interval', 'number'],
    ]),
    ['win rate', 'number'],
    ['prompts', 'number'],
  ];
  return table(columns, rows);
}

/** A row for each prompt: what the starting policy wrote, and what each version that was evaluated here wrote, with each stated preference. */
function textsOf(reports: readonly EvaluationReportJson[]): Content[] {
  const [first] = reports;
  if (first === undefined || first.samples.length === 0) return [];
  const names = first.objectives.map(({ name }) => name);
  // Every evaluation has the same prompts, the first of the held-out ones, in their order.
  const rows = first.samples.map(({ prompt, before, scoresBefore }, i) => [
    prompt,
    scoredText(before, scoresBefore, names),
    ...reports.map(({ samples }) => {
      const found = samples[i];
      return found?.prompt !== prompt ? '' : scoredText(found.after, found.scoresAfter, names);
    }),
  ]);
  const columns: Column[] = [['prompt'], ['start'], ...reports.map((report): Column => [evaluatedText(report)])];
  return [element('h2', {}, 'The same prompts, side by side'), table(columns, rows, 'samples')];
}
