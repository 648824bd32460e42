/** Where the time of a step went: its phases after each other, as its report has them. */
import type { StepReportJson } from '@gapo/rpc/json';
import { duration, element, percent } from '#page/format.js';

/** A phase, and when it began, in seconds. */
export interface PhaseBar {
  readonly name: string;
  readonly start: number;
  readonly seconds: number;
}

/** The phases in the order in which a step begins them. */
const order = ['sampling', 'rewards', 'gradients', 'combination', 'checkpoint'] as const;

/**
 * Returns the phases of a step one after the other, and what is left of its time as `other`. A phase that several updates repeat is one
 * bar; one whose time is not known has none.
 */
export function barsOf({ phases, seconds }: Pick<StepReportJson, 'phases' | 'seconds'>): PhaseBar[] {
  let start = 0;
  const bars = order.flatMap((name): PhaseBar[] => {
    const took = phases?.[name];
    if (typeof took !== 'number') return [];
    start += took;
    return [{ name, start: start - took, seconds: took }];
  });
  const left = (seconds ?? 0) - start;
  return left > 0 ? [...bars, { name: 'other', start, seconds: left }] : bars;
}

/** Makes the waterfall of a step. */
export function timelineOf(step: StepReportJson): HTMLElement {
  const bars = barsOf(step);
  const whole = bars.reduce((sum, { seconds }) => sum + seconds, 0);
  const rows = bars.map(({ name, start, seconds }) => {
    const bar = element('span');
    bar.style.left = `${(100 * start) / (whole || 1)}%`;
    bar.style.width = `${(100 * seconds) / (whole || 1)}%`;
    const text = `${duration(seconds)}, ${percent(whole > 0 ? seconds / whole : undefined)}`;
    return element(
      'li',
      {},
      element('span', {}, name),
      element('span', { class: 'track', 'aria-hidden': 'true' }, bar),
      element('span', { class: 'quiet' }, text),
    );
  });
  return element('ol', { class: 'timeline', 'aria-label': `Time of step ${step.step} by phase` }, ...rows);
}
