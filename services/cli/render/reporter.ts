/** Reports progress and messages: as a live block on a terminal, otherwise as plain lines. */
import { stateWord } from '@gapo/rpc';
import { standardError } from '@gapo/service';
import { note } from '../output.js';
import { LiveBlock, type Screen } from './live.js';
import { hasNumbers, numbersText } from './preference.js';
import { phaseText, progressLine, progressLines } from './progress.js';
import { waitText } from './recovery.js';
import { orderedPreference, stepsTaken, type RunProgress } from './runProgress.js';

/** Minimum time between plain lines, to keep logs readable. */
const quietMs = 3000;

/** Shows progress and messages. */
export interface Reporter {
  /** Writes a message. */
  say(text: string): void;
  /** Shows the run's progress. */
  progress(progress: RunProgress): void;
  /** Shows the progress of other work, such as an evaluation, as a line that replaces the previous one. */
  work(text: string): void;
  /** Ends the live block. Messages may follow. */
  finish(): void;
}

/**
 * Creates a reporter on this process's stderr. @param plain whether to write plain lines even on a
 * terminal
 */
export function makeReporter(plain: boolean): Reporter {
  // TERM tells whether a terminal supports escape sequences.
  if (plain || !process.stderr.isTTY || process.env['TERM'] === 'dumb') return new PlainReporter((line) => note(line));
  return new LiveReporter({
    write: (text) => standardError.write(text),
    get columns() {
      return process.stderr.columns;
    },
  });
}

class LiveReporter implements Reporter {
  readonly #block: LiveBlock;

  constructor(screen: Screen) {
    this.#block = new LiveBlock(screen);
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

/** What has been written about the current run. */
interface Written {
  readonly id: string;
  step: number;
  begun: boolean;
  state?: string;
  /** What the run was last seen waiting for, and why. */
  wait?: string;
  goals?: { readonly names: string; readonly goals: string };
}

/** Writes a line per step, at most one every three seconds, but always the first and the last. */
export class PlainReporter implements Reporter {
  readonly #write: (line: string) => void;
  readonly #now: () => number;
  #writtenAt: number | undefined;
  #written: Written | undefined;

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
    // Do not repeat past steps of a resumed run.
    if (this.#written?.id !== run.id) this.#written = { id: run.id, step, begun: false };
    const written = this.#written;
    if (run.state !== written.state) {
      written.state = run.state;
      this.#write(`${run.id}: ${stateWord(run.state)}${run.reason === '' ? '' : `: ${run.reason}`}`);
    }
    this.#writeWait(progress, written);
    this.#writeGoals(progress, written);
    this.#writtenAt ??= this.#now();
    const sinceMs = this.#now() - this.#writtenAt;
    if (last !== undefined && step > written.step) {
      const notable = !written.begun || step >= run.totalSteps;
      if (sinceMs < quietMs && !notable) return;
      written.begun = true;
      written.step = step;
      this.#line(progressLine(progress));
    } else if (doing && doing.waitingFor !== '' && sinceMs > 5 * quietMs) {
      // Explain a slow step.
      this.#line(phaseText(doing));
    }
  }

  work(text: string): void {
    this.#writtenAt ??= this.#now();
    if (this.#now() - this.#writtenAt >= quietMs) this.#line(text);
  }

  finish(): void {
    // Nothing to end.
  }

  /** Writes what a paused run waits for, and again when the reason changes. */
  #writeWait({ run }: RunProgress, written: Written): void {
    const { waitingFor, problem } = run.recovery ?? { waitingFor: '', problem: '' };
    const wait = `${waitingFor} ${problem}`;
    const text = waitText(run);
    if (wait === written.wait || text === undefined || run.recovery?.nextCheck === null) return;
    written.wait = wait;
    this.#write(`${run.id}: ${text}`);
  }

  /** Writes the initial preference, then every change of the preference or the objectives. */
  #writeGoals({ run }: RunProgress, written: Written): void {
    const preference = orderedPreference(run);
    const preferred = hasNumbers(preference);
    const names = run.objectives.join(', ');
    const goals = preferred ? numbersText(preference) : names;
    const before = written.goals;
    if (names === before?.names && goals === before.goals) return;
    written.goals = { names, goals };
    if (before !== undefined) {
      this.#write(`${run.id}: ${names === before.names ? 'preference' : 'objectives'} changed to ${goals}`);
    } else if (preferred) this.#write(`${run.id}: preference ${goals}`);
  }

  #line(text: string): void {
    this.#writtenAt = this.#now();
    this.#write(text);
  }
}
