/** The Pareto plane: evaluated versions of runs by their mean rewards on two objectives. */
import { replaceQuery } from '#page/address.js';
import type { Plane, PlanePoint } from '#page/data.js';
import { element, significant } from '#page/format.js';
import { PairMatrix } from '#page/pairMatrix.js';
import { PlanePlot, textOf } from '#page/planePlot.js';
import { pointsTable, volumesTable } from '#page/planeTables.js';
import { SoupOffer } from '#page/soupOffer.js';
import { messageOf, problemText } from '#page/view.js';

type Choice = Readonly<Record<string, string>>;

/** How many points are chosen at most. */
const mostChosen = 2;

/** Shows the plane. */
export class PlaneView {
  readonly element = element('div');
  readonly #fetch: (choice: Choice) => Promise<Plane>;
  readonly #controls = element('div', { class: 'bar' });
  readonly #status = element('p', { class: 'quiet', role: 'status' });
  readonly #plot = new PlanePlot({
    isChosen: (point) => this.#chosen.includes(keyOf(point)),
    choose: (point) => this.#toggle(point),
  });
  readonly #pairs = new PairMatrix((x, y) => this.#ask({ ...this.#choice, x, y }));
  readonly #soup = new SoupOffer();
  readonly #tables = element('div');
  #choice: Choice;
  #plane: Plane | undefined;
  /** The keys of the points that a person chose, in order. They stay when the objectives change. */
  #chosen: readonly string[] = [];
  #asked = 0;

  /** @param query of the address: x, y and set */
  constructor(fetch: (choice: Choice) => Promise<Plane>, query: Choice) {
    const { x = '', y = '', set = '' } = query;
    this.#fetch = fetch;
    this.#choice = { x, y, set };
    const area = element('div', { class: 'planeArea' }, this.#plot.element, this.#pairs.element);
    this.element.append(this.#controls, this.#status, area, this.#soup.element, this.#tables);
  }

  /** Fetches the plane and shows it. @throws as the function that fetches */
  async load(): Promise<void> {
    const mine = ++this.#asked;
    const plane = await this.#fetch(this.#choice);
    if (mine === this.#asked) this.#show(plane);
  }

  leave(): void {
    this.#asked++;
    this.#plot.leave();
    this.#pairs.leave();
  }

  /** Shows what a person chose, and keeps it in the address. */
  #ask(choice: Choice): void {
    this.#choice = choice;
    replaceQuery(choice);
    this.load().catch((error: unknown) => this.#fail(messageOf(error)));
  }

  #fail(message: string): void {
    this.#plot.release();
    this.#status.textContent = '';
    this.#tables.replaceChildren(problemText(message));
  }

  #show(plane: Plane): void {
    const { x, y, set, points } = plane;
    this.#plane = plane;
    this.#drawControls(plane);
    this.#pairs.show(plane);
    this.element.dataset['points'] = String(points.length);
    this.#soup.element.hidden = points.length < 2;
    const problems = plane.problems.map(problemText);
    if (points.length === 0) {
      this.#plot.release();
      this.#status.textContent = '';
      return this.#tables.replaceChildren(...problems, howToGetPoints());
    }
    this.#choice = { x, y, set: plane.sets.length > 1 ? set : '' };
    this.#status.textContent = statusOf(plane);
    this.#plot.show(plane);
    const tables = [pointsTable(plane, (point) => this.#box(plane, point)), element('h2', {}, 'Hypervolume'), volumesTable(plane)]; // prettier-ignore
    this.#tables.replaceChildren(...problems, ...tables);
    this.#offer(plane);
  }

  #offer({ points }: Plane): void {
    const chosen = this.#chosen.flatMap((key) => points.find((point) => keyOf(point) === key) ?? []);
    this.#soup.show(chosen, points);
  }

  /** Chooses a point, or leaves it. A third one takes the place of the first. */
  #toggle(point: PlanePoint): void {
    const key = keyOf(point);
    const without = this.#chosen.filter((each) => each !== key);
    this.#chosen = without.length < this.#chosen.length ? without : [...without, key].slice(-mostChosen);
    this.#plot.markChosen();
    for (const box of this.#tables.querySelectorAll('input')) box.checked = this.#chosen.includes(box.value);
    if (this.#plane !== undefined) this.#offer(this.#plane);
  }

  #box(plane: Plane, point: PlanePoint): HTMLElement {
    const label = `Choose ${textOf(plane, point)}`;
    const box = element('input', { type: 'checkbox', value: keyOf(point), 'aria-label': label });
    box.checked = this.#chosen.includes(keyOf(point));
    box.addEventListener('change', () => this.#toggle(point));
    return box;
  }

  #drawControls({ objectives, sets, set, x, y }: Plane): void {
    const select = (
      name: 'x' | 'y' | 'set',
      label: string,
      options: readonly (readonly [string, string])[],
      value: string,
    ) => {
      const made = element(
        'select',
        { name },
        ...options.map(([key, text]) => element('option', { value: key }, text)),
      );
      made.value = value;
      made.addEventListener('change', () => {
        const { x: oldX = '', y: oldY = '' } = this.#choice;
        const chosen = { ...this.#choice, [name]: made.value };
        // An objective that is on the other axis changes places.
        this.#ask(chosen['x'] === chosen['y'] ? { ...chosen, x: oldY, y: oldX } : chosen);
      });
      return element('label', {}, `${label} `, made);
    };
    const names = objectives.map((name) => [name, name] as const);
    const files = sets.map(({ id, file, points }) => [id, `${file} (${points} versions, ${id.slice(0, 6)})`] as const);
    // A menu that had the focus keeps it.
    const focused = this.#controls.querySelector<HTMLSelectElement>('select:focus')?.name;
    this.#controls.replaceChildren(
      ...(objectives.length > 1 ? [select('x', 'Across', names, x), select('y', 'Up', names, y)] : []),
      ...(sets.length > 1 ? [select('set', 'Held-out prompts', files, set)] : []),
    );
    if (focused !== undefined) this.#controls.querySelector<HTMLElement>(`select[name=${focused}]`)?.focus();
  }
}

/** Names a point, also among those of other objectives. */
function keyOf({ run, version, preference }: PlanePoint): string {
  return JSON.stringify([run, version, preference]);
}

function howToGetPoints(): HTMLElement {
  const code = (text: string): HTMLElement => element('code', {}, text);
  return element(
    'p',
    { class: 'quiet' },
    'No version has been evaluated on two objectives yet. Evaluate a run with ',
    code('gapo eval RUN'),
    ', or train one for each of several preferences with ',
    code('gapo front run.yaml'),
    '. Averages of runs come from ',
    code('gapo soup'),
    '.',
  );
}

function statusOf({ points, x, y, left, hypervolumes }: Plane): string {
  const front = points.filter((point) => point.front).length;
  const volume = hypervolumes[0]?.value;
  const older = left === 0 ? '' : ` ${left} older runs are not among them.`;
  return `${points.length} evaluated versions, ${front} of them on the front of ${x} and ${y}; hypervolume ${significant(volume)}.${older}`;
}
