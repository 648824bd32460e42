/** Formats a training's progress in one line, with an estimate of the time left. */
import type { TrainingEvent } from '@gapo/training';
import { count, duration, fixed } from './numbers.js';
import type { Reporter } from './reporter.js';

type Event<Name extends TrainingEvent<unknown>['event']> = Extract<TrainingEvent<unknown>, { event: Name }>;

/** The units of a training: its examples, and what the loss is averaged over. */
export interface Units {
  /** Such as `sequences`. */
  readonly examples: string;
  /** Such as `tokens`. */
  readonly weight: string;
}

/** Number of updates over which the displayed loss and speed are averaged. */
const recent = 20;

/** Accumulates the events of a training. */
export class TrainingProgress {
  readonly #units: Units;
  #start: Event<'start'> | undefined;
  #recent: Event<'update'>[] = [];
  readonly #heldOut: number[] = [];

  constructor(units: Units) {
    this.#units = units;
  }

  /** Records an event and shows the progress. */
  take(event: TrainingEvent<unknown>, reporter: Reporter): void {
    if (event.event === 'end') return;
    if (event.event === 'note') {
      reporter.say(event.text);
      return;
    }
    if (event.event === 'start') this.#start = event;
    else if (event.event === 'update') this.#recent = [...this.#recent, event].slice(-recent);
    else this.#heldOut.push(event.loss);
    if (event.event === 'update') reporter.work(this.line());
    else reporter.say(this.line());
  }

  /** Returns the progress, such as `update 48/120, recent loss 1.234, held out 1.402, 5,204 tokens/s, 1 min 52 s left`. */
  line(): string {
    const start = this.#start;
    if (start === undefined) return 'reading the model and the data';
    const last = this.#recent.at(-1);
    const heldOut = this.#heldOut.at(-1);
    const measured = heldOut === undefined ? [] : [`held out ${fixed(heldOut, 3)}`];
    if (last === undefined) {
      const from = start.done > 0 ? [`resuming after update ${start.done}`] : [];
      const what = `${count(start.examples)} ${this.#units.examples}, ${count(start.parameters)} parameters, ${count(start.updates)} updates`;
      return [what, ...from, ...measured].join(', ');
    }
    const sum = (of: (event: Event<'update'>) => number): number =>
      this.#recent.reduce((total, event) => total + of(event), 0);
    const seconds = sum((event) => event.seconds);
    const left = (seconds / this.#recent.length) * (start.updates - last.update);
    return [
      `update ${last.update}/${start.updates}`,
      `recent loss ${fixed(sum(({ loss }) => loss) / this.#recent.length, 3)}`,
      ...measured,
      `${count(sum(({ weight }) => weight) / seconds)} ${this.#units.weight}/s`,
      ...(last.update < start.updates ? [`${duration(left)} left`] : []),
    ].join(', ');
  }
}
