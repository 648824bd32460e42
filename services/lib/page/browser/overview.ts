/** The first view of a run: what it does, its curves, and its objectives at the last step. */
import { Charts } from '#page/charts.js';
import { duration, element, fixed, percent, significant, unknown } from '#page/format.js';
import type { ShownRun } from '#page/liveRun.js';
import type { Series } from '#page/series.js';
import { objectivesTable, servicesSection } from '#page/tables.js';
import { timelineOf } from '#page/timeline.js';
import type { View } from '#page/view.js';

/** Shows a run. */
export class Overview implements View {
  readonly element = element('div');
  readonly #shown: ShownRun;
  readonly #charts: Charts;
  readonly #doing = element('p', { class: 'quiet', role: 'status' });
  readonly #facts = element('dl', { class: 'facts' });
  readonly #last = element('div');
  /** The part of the steps that a person has chosen; undefined for all. */
  #closer: Series | undefined;

  /** @param closer fetches some steps in more detail; undefined where there is no more */
  constructor(shown: ShownRun, closer?: (range: readonly [number, number]) => Promise<Series>) {
    this.#shown = shown;
    this.#charts = new Charts((range) => {
      this.#closer = undefined;
      if (range === undefined || closer === undefined) return this.draw();
      void closer(range).then(
        (series) => {
          this.#closer = series;
          this.draw();
        },
        () => undefined, // the coarser curves stay
      );
    });
    this.element.append(this.#doing, this.#facts, this.#charts.element, this.#last);
  }

  draw(): void {
    const { run, state, last, curves, doing, scored } = this.#shown;
    const step = last?.step ?? run.step;
    this.#doing.textContent = doing;
    const running = state === 'RUN_STATE_RUNNING' && step < run.totalSteps;
    const reused = curves.columns['age']?.some((age) => age !== null && age > 0) === true;
    const angles = curves.columns['angle'] ?? [];
    const checked = angles.findLastIndex((angle) => angle !== null);
    const facts: [string, string][] = [
      ['step', `${step} of ${run.totalSteps}`],
      ['method', run.method],
      ['time left', running ? duration(last?.etaSeconds) : unknown],
      ['KL', significant(last?.kl)],
      ['stationarity', significant(last?.stationarity)],
      ['tokens/s', last?.seconds ? fixed(last.tokens / last.seconds, 0) : unknown],
      ['seconds/step', fixed(last?.seconds, 2)],
      ['sampled', last?.staleness === undefined ? unknown : `${last.staleness} updates before`],
      ['effective sample size', percent(last?.effectiveSampleSize)],
      ['age of the weights', reused ? `${last?.weightsAge ?? 0} steps` : unknown],
      [
        'angle to the exact update',
        checked === -1 ? unknown : `${fixed(angles[checked], 1)}° at step ${curves.steps[checked] ?? unknown}`,
      ],
      ['trace', last?.traceId || unknown],
    ];
    this.#facts.replaceChildren(
      ...facts
        .filter(([, value]) => value !== unknown)
        .map(([name, value]) => element('div', {}, element('dt', {}, name), element('dd', {}, value))),
    );
    this.#charts.show(this.#closer ?? curves);
    this.#last.replaceChildren(
      ...(last === undefined
        ? [element('p', { class: 'quiet' }, 'No step has been taken yet.')]
        : [
            element('h2', {}, `Objectives at step ${last.step}`),
            objectivesTable(last),
            element('h2', {}, `Time of step ${last.step}`),
            timelineOf(last),
            ...servicesSection(last, scored),
          ]),
    );
  }

  append(section: HTMLElement): void {
    this.element.append(section);
  }

  leave(): void {
    this.#charts.destroy();
  }
}
