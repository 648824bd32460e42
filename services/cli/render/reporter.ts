/** Where progress and messages go: a live block on a terminal, plain lines elsewhere. Both on stderr. */
import { stateWord } from '@gapo/rpc';
import { LiveBlock } from './live.js';
import { hasNumbers, numbersText } from './preference.js';
import { phaseText, progressLine, progressLines } from './progress.js';
import { orderedPreference, stepsTaken, type RunProgress } from './runProgress.js';

/** Plain lines are at least this far apart, so that a log of some minutes stays readable. */
const quietMs = 3000;

/** Shows progress and messages. */
export interface Reporter {
  /** Writes a message. */
  say(text: string): void;
  /** Shows the run's progress. */
  progress(progress: RunProgress): void;
  /** Shows other progress than steps, such as an evaluation: a line that replaces the one before. */
  work(text: string): void;
  /** Ends the live block. Messages may follow. */
  finish(): void;
}

/** Creates the reporter for a stream. */
export function makeReporter(stream: NodeJS.WriteStream, plain: boolean): Reporter {
  return plain || !stream.isTTY ? new PlainReporter((line) => stream.write(`${line}\n`)) : new LiveReporter(stream);
}

class LiveReporter implements Reporter {
  readonly #block: LiveBlock;

  constructor(stream: NodeJS.WriteStream) {
    this.#block = new LiveBlock(stream);
  }

  say(text: string): void {
    this.#block.say(text);
  }

  progress(progress: RunProgress): void {
    this.#block.show((width) => progressLines(progress, width));
  }

  work(text: string): void {
    this.#block.show((width) => [text.slice(0, width)]);
  }

  finish(): void {
    this.#block.finish();
  }
}

/** What has been written about the run that is followed. */
interface Said {
  readonly id: string;
  step: number;
  begun: boolean;
  state?: string;
  goals?: { readonly names: string; readonly goals: string };
}

/** Writes a line per step, or fewer where steps are faster than one in three seconds; always the first and the last. */
export class PlainReporter implements Reporter {
  readonly #write: (line: string) => void;
  readonly #now: () => number;
  #saidAt: number | undefined;
  #said: Said | undefined;

  /** @param now a clock, in milliseconds */
  constructor(write: (line: string) => void, now: () => number = () => performance.now()) {
    this.#write = write;
    this.#now = now;
  }

  say(text: string): void {
    this.#write(text);
  }

  progress(progress: RunProgress): void {
    const { run, last, doing } = progress;
    const step = stepsTaken(progress);
    // The steps of a resumed run from before are not repeated.
    if (this.#said?.id !== run.id) this.#said = { id: run.id, step, begun: false };
    const said = this.#said;
    if (run.state !== said.state) {
      said.state = run.state;
      this.#write(`${run.id}: ${stateWord(run.state)}${run.reason === '' ? '' : `: ${run.reason}`}`);
    }
    this.#sayGoals(progress, said);
    this.#saidAt ??= this.#now();
    const sinceMs = this.#now() - this.#saidAt;
    if (last !== undefined && step > said.step) {
      const notable = !said.begun || step >= run.totalSteps;
      if (sinceMs < quietMs && !notable) return;
      said.begun = true;
      said.step = step;
      this.#line(progressLine(progress));
    } else if (doing && doing.waitingFor !== '' && sinceMs > 5 * quietMs) {
      // Explains a step that takes long.
      this.#line(phaseText(doing));
    }
  }

  work(text: string): void {
    this.#saidAt ??= this.#now();
    if (this.#now() - this.#saidAt >= quietMs) this.#line(text);
  }

  finish(): void {
    // There is no block to end.
  }

  /** Writes the preference at first, then every change of the preference or the objectives. */
  #sayGoals({ run }: RunProgress, said: Said): void {
    const preference = orderedPreference(run);
    const preferred = hasNumbers(preference);
    const names = run.objectives.join(', ');
    const goals = preferred ? numbersText(preference) : names;
    const before = said.goals;
    if (names === before?.names && goals === before.goals) return;
    said.goals = { names, goals };
    if (before !== undefined) {
      this.#write(`${run.id}: ${names === before.names ? 'preference' : 'objectives'} changed to ${goals}`);
    } else if (preferred) this.#write(`${run.id}: preference ${goals}`);
  }

  #line(text: string): void {
    this.#saidAt = this.#now();
    this.#write(text);
  }
}
