/** A fine-tuning's progress in one line, and its result. */
import type { FinetuningEvent } from '@gapo/finetuning';
import { count, duration, fixed } from './numbers.js';

type Event<Name extends FinetuningEvent['event']> = Extract<FinetuningEvent, { event: Name }>;

/** Updates over which the shown loss and speed are means. */
const RECENT = 20;

/** What has been seen of a fine-tuning. */
export class FinetuningProgress {
  #start: Event<'start'> | undefined;
  #recent: Event<'update'>[] = [];
  readonly #heldOut: number[] = [];

  /** Takes in what happened. */
  take(event: FinetuningEvent): void {
    if (event.event === 'start') this.#start = event;
    else if (event.event === 'update') this.#recent = [...this.#recent, event].slice(-RECENT);
    else if (event.event === 'heldOut') this.#heldOut.push(event.loss);
  }

  /** As `update 48/120, loss 1.234, held out 1.402, 5,204 tokens/s, 1 min 52 s left`; before the first update what is trained on. */
  line(): string {
    const start = this.#start;
    if (start === undefined) return 'reading the model and the data';
    const last = this.#recent.at(-1);
    const heldOut = this.#heldOut.at(-1);
    const measured = heldOut === undefined ? [] : [`held out ${fixed(heldOut, 3)}`];
    if (last === undefined) {
      const from = start.done > 0 ? [`going on after update ${start.done}`] : [];
      const what = `${count(start.sequences)} sequences, ${count(start.parameters)} parameters, ${count(start.updates)} updates`;
      return [what, ...from, ...measured].join(', ');
    }
    const sum = (of: (event: Event<'update'>) => number): number =>
      this.#recent.reduce((total, event) => total + of(event), 0);
    const seconds = sum((event) => event.seconds);
    const left = (seconds / this.#recent.length) * (start.updates - last.update);
    return [
      `update ${last.update}/${start.updates}`,
      `loss ${fixed(sum(({ loss }) => loss) / this.#recent.length, 3)}`,
      ...measured,
      `${count(sum(({ tokens }) => tokens) / seconds)} tokens/s`,
      ...(last.update < start.updates ? [`${duration(left)} left`] : []),
    ].join(', ');
  }
}

/** The result, as `loss 0.812, held out 2.104 → 0.951`. */
export function finetuningResult({ loss, heldOutLosses }: Event<'end'>): string {
  const first = heldOutLosses[0];
  const heldOut = first === undefined ? [] : [`held out ${fixed(first, 3)} → ${fixed(heldOutLosses.at(-1), 3)}`];
  return [`loss ${fixed(loss ?? undefined, 3)}`, ...heldOut].join(', ');
}
