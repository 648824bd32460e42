/** Where progress and messages go: a live block on a terminal, plain lines anywhere else. Both on stderr. */
import { LiveBlock } from './live.js';
import { hasNumbers, numbersText } from './preference.js';
import { phaseText, progressLine, progressLines } from './progress.js';
import type { RunProgress } from './runProgress.js';

/** Plain lines come no faster than this, so that a log of some minutes stays readable. */
const quietMs = 3000;

/** Shows what happens. */
export interface Reporter {
  /** A message. */
  say(text: string): void;
  /** The run's progress now. */
  progress(progress: RunProgress): void;
  /** Progress of something else than steps, as an evaluation: a line that replaces the one before. */
  work(text: string): void;
  /** Ends the block; messages may follow. */
  finish(): void;
}

/** The reporter for a stream. */
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

interface Said {
  readonly id: string;
  step: number;
  begun: boolean;
  state?: string;
  aims?: { readonly names: string; readonly aims: string };
}

/** Plain lines: a step each, or fewer where steps come faster than every three seconds; the first and the last always. */
export class PlainReporter implements Reporter {
  readonly #write: (line: string) => void;
  readonly #now: () => number;
  #saidAt: number | undefined;
  /** What has been said of the run that is followed. */
  #said: Said | undefined;

  /** @param now milliseconds of a clock */
  constructor(write: (line: string) => void, now: () => number = () => performance.now()) {
    this.#write = write;
    this.#now = now;
  }

  say(text: string): void {
    this.#write(text);
  }

  progress(progress: RunProgress): void {
    // A run that is gone on with says nothing of the steps that it had taken before.
    if (this.#said?.id !== progress.id) this.#said = { id: progress.id, step: progress.step, begun: false };
    const said = this.#said;
    if (progress.state !== said.state) {
      said.state = progress.state;
      this.#write(`${progress.id}: ${progress.state}${progress.reason === '' ? '' : `: ${progress.reason}`}`);
    }
    this.#sayAims(progress, said);
    this.#saidAt ??= this.#now();
    const sinceMs = this.#now() - this.#saidAt;
    if (progress.step > said.step && progress.objectives.some(({ means }) => means.length > 0)) {
      const notable = !said.begun || progress.step >= progress.totalSteps;
      if (sinceMs < quietMs && !notable) return;
      said.begun = true;
      said.step = progress.step;
      this.#line(progressLine(progress));
    } else if (progress.phase !== undefined && progress.phase.waitingFor !== '' && sinceMs > 5 * quietMs) {
      // A step that takes long says what it waits for.
      this.#line(phaseText(progress.phase));
    }
  }

  work(text: string): void {
    this.#saidAt ??= this.#now();
    if (this.#now() - this.#saidAt >= quietMs) this.#line(text);
  }

  finish(): void {
    // Nothing to take down.
  }

  /** Says the preference at first, and preference or objectives whenever somebody has changed them. */
  #sayAims({ id, inForce, preference }: RunProgress, said: Said): void {
    const preferred = hasNumbers(preference);
    const names = inForce.join(', ');
    const aims = preferred ? numbersText(preference) : names;
    const before = said.aims;
    if (names === before?.names && aims === before.aims) return;
    said.aims = { names, aims };
    if (before !== undefined) {
      this.#write(`${id}: ${names === before.names ? 'preference' : 'objectives'} changed to ${aims}`);
    } else if (preferred) this.#write(`${id}: preference ${aims}`);
  }

  #line(text: string): void {
    this.#saidAt = this.#now();
    this.#write(text);
  }
}
