/** The average of two runs whose points a person chose: whether the coordinator can make it, and the command that does. */
import { commandLine } from '#page/command.js';
import { checkSoup } from '#page/control.js';
import type { PlanePoint } from '#page/data.js';
import { Dial } from '#page/dial.js';
import { element } from '#page/format.js';
import { roundedShares } from '#page/simplex.js';
import { messageOf, problemText } from '#page/view.js';

/** Says which point it is. */
function nameOf({ run, version }: PlanePoint): string {
  return `${run}, version ${version}`;
}

/** Offers to average the runs of two points. */
export class SoupOffer {
  readonly element = element('section', { 'aria-label': 'Average of two runs' });
  readonly #said = element('div', { 'aria-live': 'polite' });
  readonly #offered = element('div');
  /** The runs that are shown. */
  #shown: string | undefined;
  #asked = 0;

  constructor() {
    this.element.append(element('h2', {}, 'Between two points'), this.#said, this.#offered);
  }

  /**
   * Shows what can be done with the points that are chosen.
   *
   * @param points all of the plane
   */
  show(chosen: readonly PlanePoint[], points: readonly PlanePoint[]): void {
    const shown = JSON.stringify(chosen.map(({ run, version }) => [run, version]));
    if (shown === this.#shown) return;
    this.#shown = shown;
    const mine = ++this.#asked;
    const [first, second] = chosen;
    if (first === undefined || second === undefined) {
      const how = 'Choose two points to average their runs: Shift-click them, or check their boxes in the table.';
      const text = first === undefined ? how : `${nameOf(first)}, is chosen. Choose a point of another run.`;
      return this.#say(element('p', { class: 'quiet' }, text));
    }
    if (first.run === second.run) {
      const text = `Both points are of run ${first.run}, but an average needs two runs: choose a point of another run.`;
      return this.#say(element('p', {}, text));
    }
    this.#say(element('p', { class: 'quiet' }, `Checking whether ${first.run} and ${second.run} can be averaged…`));
    checkSoup({ [first.run]: 0.5, [second.run]: 0.5 }).then(
      () => mine === this.#asked && this.#offer(first, second, points),
      (error: unknown) => mine === this.#asked && this.#refuse(messageOf(error), () => this.#again(chosen, points)),
    );
  }

  #again(chosen: readonly PlanePoint[], points: readonly PlanePoint[]): void {
    this.#shown = undefined;
    this.show(chosen, points);
  }

  #refuse(reason: string, again: () => void): void {
    const button = element('button', { type: 'button' }, 'Check again');
    button.addEventListener('click', again);
    this.#say(problemText(`No average: ${reason}`));
    this.#offered.append(button);
  }

  #say(content: HTMLElement): void {
    this.#said.replaceChildren(content);
    this.#offered.replaceChildren();
  }

  #offer(first: PlanePoint, second: PlanePoint, points: readonly PlanePoint[]): void {
    const runs = [first.run, second.run];
    const command = element('div');
    const draw = (): void => {
      const weights = roundedShares(dial.shares).map((share, i) => `${runs[i] ?? ''}=${share}`);
      command.replaceChildren(commandLine(['gapo', 'soup', ...weights]));
    };
    const dial = new Dial(runs, [0.5, 0.5], true, draw);
    draw();
    const older = [first, second].flatMap((point) => {
      const newest = points.findLast(({ run }) => run === point.run);
      return newest === undefined || newest.version <= point.version
        ? []
        : [` ${nameOf(point)}, is older than version ${newest.version}.`];
    });
    const note = `An average uses the newest version of each run.${older.join('')} Evaluate it with gapo eval to see it here.`;
    this.#say(element('p', {}, `The average of ${runs.join(' and ')}, by these weights:`));
    this.#offered.append(dial.element, command, element('p', { class: 'quiet' }, note));
  }
}
