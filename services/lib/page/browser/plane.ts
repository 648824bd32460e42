/** The Pareto plane: evaluated versions of runs by their mean rewards on two objectives. */
import uPlot from 'uplot';
import { linkTo, replaceQuery } from '#page/address.js';
import { axes, colours } from '#page/charts.js';
import type { Plane, PlanePoint } from '#page/data.js';
import { element, fixed, percent, significant, unknown } from '#page/format.js';
import { table, type Column } from '#page/tables.js';
import { messageOf, problemText } from '#page/view.js';

const heightPixels = 420;

/** Room around the points, as a share of their range. */
const room = 0.08;

type Choice = Readonly<Record<string, string>>;

/** Shows the plane. */
export class PlaneView {
  readonly element = element('div');
  readonly #fetch: (choice: Choice) => Promise<Plane>;
  readonly #controls = element('div', { class: 'bar' });
  readonly #status = element('p', { class: 'quiet', role: 'status' });
  readonly #plot = element('div', { class: 'plane' });
  readonly #tables = element('div');
  readonly #resizing = new ResizeObserver(() => this.#fit());
  #choice: Choice;
  #drawn: { plot: uPlot; plane: Plane } | undefined;
  #asked = 0;

  /** @param query of the address: x, y and set */
  constructor(fetch: (choice: Choice) => Promise<Plane>, query: Choice) {
    const { x = '', y = '', set = '' } = query;
    this.#fetch = fetch;
    this.#choice = { x, y, set };
    this.element.append(this.#controls, this.#status, this.#plot, this.#tables);
    this.#resizing.observe(this.#plot);
  }

  /** Fetches the plane and shows it. @throws as the function that fetches */
  async load(): Promise<void> {
    const mine = ++this.#asked;
    const plane = await this.#fetch(this.#choice);
    if (mine === this.#asked) this.#show(plane);
  }

  leave(): void {
    this.#asked++;
    this.#resizing.disconnect();
    this.#drawn?.plot.destroy();
  }

  #fail(message: string): void {
    this.#release();
    this.#tables.replaceChildren(problemText(message));
  }

  #release(): void {
    this.#drawn?.plot.destroy();
    this.#drawn = undefined;
    this.#plot.replaceChildren();
    this.#status.textContent = '';
  }

  #show(plane: Plane): void {
    const { x, y, set, points } = plane;
    this.#release();
    this.#drawControls(plane);
    this.element.dataset['points'] = String(points.length);
    const problems = plane.problems.map(problemText);
    if (points.length === 0) return this.#tables.replaceChildren(...problems, howToGetPoints());
    this.#choice = { x, y, set: plane.sets.length > 1 ? set : '' };
    this.#status.textContent = statusOf(plane);
    this.#drawn = { plane, plot: new uPlot(optionsOf(plane), dataOf(plane), this.#plot) };
    this.#plot.append(legendOf(plane));
    this.#fit();
    const tables = [pointsTable(plane), element('h2', {}, 'Hypervolume'), volumesTable(plane)];
    this.#tables.replaceChildren(...problems, ...tables);
  }

  #drawControls({ objectives, sets, set, x, y }: Plane): void {
    const select = (
      name: 'x' | 'y' | 'set',
      label: string,
      options: readonly (readonly [string, string])[],
      value: string,
    ) => {
      const made = element('select', {}, ...options.map(([key, text]) => element('option', { value: key }, text)));
      made.value = value;
      made.addEventListener('change', () => {
        const { x: oldX = '', y: oldY = '' } = this.#choice;
        const chosen = { ...this.#choice, [name]: made.value };
        // An objective that is on the other axis changes places.
        this.#choice = chosen['x'] === chosen['y'] ? { ...chosen, x: oldY, y: oldX } : chosen;
        replaceQuery(this.#choice);
        this.load().catch((error: unknown) => this.#fail(messageOf(error)));
      });
      return element('label', {}, `${label} `, made);
    };
    const names = objectives.map((name) => [name, name] as const);
    const files = sets.map(({ id, file, points }) => [id, `${file} (${points} versions, ${id.slice(0, 6)})`] as const);
    this.#controls.replaceChildren(
      ...(objectives.length > 1 ? [select('x', 'Across', names, x), select('y', 'Up', names, y)] : []),
      ...(sets.length > 1 ? [select('set', 'Held-out prompts', files, set)] : []),
    );
  }

  /** Fits the plot to the page, and the points to the plot. */
  #fit(): void {
    if (this.#drawn === undefined) return;
    const { plot, plane } = this.#drawn;
    const width = this.#plot.clientWidth;
    if (width > 0 && width !== plot.width) plot.setSize({ width, height: heightPixels });
    for (const link of plot.over.querySelectorAll('a')) link.remove();
    plot.over.append(...plane.points.map((point) => pointLink(plane, point, plot)));
  }
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

/** The front from the left to the right, and its points' heights. */
function dataOf({ points }: Plane): uPlot.AlignedData {
  const front = points.filter((point) => point.front).sort((a, b) => xOf(a) - xOf(b) || yOf(b) - yOf(a));
  return [front.map(xOf), front.map(yOf)];
}

const xOf = ({ x }: PlanePoint): number => x.mean ?? NaN;
const yOf = ({ y }: PlanePoint): number => y.mean ?? NaN;

/** Returns the range of the points' intervals and of the starting policies, with some room around it. */
function rangeOf(intervals: readonly PlanePoint['x'][], starts: readonly number[]): [number, number] {
  const ends = intervals.flatMap(({ low, mean, high }) => [low, mean, high].flatMap((end) => end ?? []));
  const values = [...ends, ...starts];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const margin = room * (high > low ? high - low : 1);
  return [low - margin, high + margin];
}

function optionsOf(plane: Plane): uPlot.Options {
  const { points, starts, x, y } = plane;
  const [across, up] = axes();
  // A point to the left of another one on the front, and below it, is dominated by it.
  const paths = uPlot.paths.stepped?.({ align: -1 });
  return {
    width: 420,
    height: heightPixels,
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: {
        time: false,
        range: rangeOf(
          points.map((point) => point.x),
          starts.map(([value]) => value),
        ),
      },
      y: {
        range: rangeOf(
          points.map((point) => point.y),
          starts.map(([, value]) => value),
        ),
      },
    },
    axes: [
      { ...across, label: `${x} (mean reward)` },
      { ...up, label: `${y} (mean reward)` },
    ],
    series: [{}, { stroke: colours[0] ?? '', width: 1.5, points: { show: false }, ...(paths && { paths }) }],
    hooks: { draw: [(plot) => drawBehind(plot, plane)] },
  };
}

/** Draws the intervals of the points, the starting policies, and a line from each average to its ingredients. */
function drawBehind(plot: uPlot, { points, starts }: Plane): void {
  const { ctx } = plot;
  const line = (from: readonly [number, number], to: readonly [number, number]): void => {
    ctx.beginPath();
    ctx.moveTo(plot.valToPos(from[0], 'x', true), plot.valToPos(from[1], 'y', true));
    ctx.lineTo(plot.valToPos(to[0], 'x', true), plot.valToPos(to[1], 'y', true));
    ctx.stroke();
  };
  ctx.save();
  ctx.beginPath();
  ctx.rect(plot.bbox.left, plot.bbox.top, plot.bbox.width, plot.bbox.height);
  ctx.clip();
  ctx.lineWidth = devicePixelRatio;
  ctx.strokeStyle = '#8888';
  for (const point of points) {
    const [px, py] = [xOf(point), yOf(point)];
    line([point.x.low ?? px, py], [point.x.high ?? px, py]);
    line([px, point.y.low ?? py], [px, point.y.high ?? py]);
  }
  ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
  for (const average of points) {
    for (const ingredient of average.ingredients) {
      const of = points.findLast(({ run }) => run === ingredient);
      if (of !== undefined) line([xOf(average), yOf(average)], [xOf(of), yOf(of)]);
    }
  }
  ctx.setLineDash([]);
  for (const [sx, sy] of starts) {
    ctx.beginPath();
    ctx.arc(plot.valToPos(sx, 'x', true), plot.valToPos(sy, 'y', true), 5 * devicePixelRatio, 0, 2 * Math.PI);
    ctx.stroke();
  }
  ctx.restore();
}

function colourOf({ points }: Plane, group: string): string {
  const groups = [...new Set(points.map((point) => point.group))];
  return colours[groups.indexOf(group) % colours.length] ?? '';
}

function pointLink(plane: Plane, point: PlanePoint, plot: uPlot): HTMLElement {
  const { run, version, front, group } = point;
  const place = front ? ', on the front' : '';
  const text = `${run}, version ${version}: ${plane.x} ${fixed(point.x.mean, 3)}, ${plane.y} ${fixed(point.y.mean, 3)}${place}`;
  const link = element('a', {
    href: linkTo({ run }),
    class: 'point',
    'data-front': String(front),
    'aria-label': text,
    title: text,
  });
  link.style.left = `${plot.valToPos(xOf(point), 'x')}px`;
  link.style.top = `${plot.valToPos(yOf(point), 'y')}px`;
  link.style.borderColor = colourOf(plane, group);
  if (front) link.style.backgroundColor = colourOf(plane, group);
  return link;
}

function legendOf(plane: Plane): HTMLElement {
  const { points, starts } = plane;
  const groups = [...new Set(points.map(({ group }) => group))];
  const items = groups.map((group) => {
    const mark = element('span', { class: 'swatch' });
    mark.style.backgroundColor = colourOf(plane, group);
    return element('li', {}, mark, group);
  });
  const filled = 'Filled: on the front. Lines: 95 % intervals; dashed: from an average to its runs.';
  const start = starts.length === 0 ? '' : ' Grey circle: the starting policy.';
  return element('ul', { class: 'scores' }, ...items, element('li', { class: 'quiet' }, filled + start));
}

function pointsTable(plane: Plane): HTMLElement {
  const { points, x, y } = plane;
  const columns: Column[] = [['run'], ['version', 'number'], ['method'], [x, 'number'], ['95 %', 'number'], [y, 'number'], ['95 %', 'number'], ['front']]; // prettier-ignore
  const range = ({ low, high }: PlanePoint['x']): string =>
    low === null || high === null ? unknown : `${fixed(low, 3)} to ${fixed(high, 3)}`;
  const rows = points.map((point) => [
    element('a', { href: linkTo({ run: point.run }) }, point.run),
    String(point.version),
    point.group,
    fixed(point.x.mean, 3),
    range(point.x),
    fixed(point.y.mean, 3),
    range(point.y),
    point.front ? 'yes' : '',
  ]);
  return table(columns, rows);
}

function volumesTable({ hypervolumes, reference, x, y }: Plane): HTMLElement {
  const whole = hypervolumes[0]?.value ?? 0;
  const rows = hypervolumes.map(({ group, points, value }) => [
    group,
    String(points),
    significant(value),
    percent(whole > 0 ? value / whole : undefined),
  ]);
  const columns: Column[] = [['of'], ['versions', 'number'], ['hypervolume', 'number'], ['share of all', 'number']];
  const from = reference === null ? '' : `${x} ${significant(reference[0])}, ${y} ${significant(reference[1])}`;
  const note = `Above ${from}: the worst value of each objective here, starting policies included, less a tenth of its range.`;
  return element('div', {}, table(columns, rows), element('p', { class: 'quiet' }, note));
}
