/** The plot of the Pareto plane: the front and lines as a chart, which a drag zooms, and a link for each point. */
import uPlot from 'uplot';
import { linkTo } from '#page/address.js';
import { axes, colours } from '#page/charts.js';
import type { Plane, PlanePoint } from '#page/data.js';
import { element, fixed, numbersText } from '#page/format.js';
import { ingredientLines, preferenceLines } from '#page/planeLines.js';

const heightPixels = 420;

/** Room around the points, as a share of their range. */
const room = 0.08;

/** Pixels of a drag: a shorter one is a click. */
const shortestDrag = 6;

type Range = readonly [number, number];

/** A part of the plane. */
interface Part {
  readonly x: Range;
  readonly y: Range;
}

/** What the plot tells and asks. */
export interface PlotOptions {
  /** Whether a person chose the point. */
  readonly isChosen: (point: PlanePoint) => boolean;
  /** Chooses a point, or leaves it. */
  readonly choose: (point: PlanePoint) => void;
}

/** Plots one plane. */
export class PlanePlot {
  readonly element = element('div', { class: 'plane' });
  readonly #options: PlotOptions;
  readonly #all = element('button', { type: 'button', class: 'showAll' }, 'Show all');
  readonly #resizing = new ResizeObserver(() => this.#fit());
  #drawn: { readonly plot: uPlot; readonly plane: Plane } | undefined;
  #links: ReadonlyMap<PlanePoint, HTMLElement> = new Map();
  /** The part that a person dragged across; undefined for all. */
  #part: Part | undefined;

  constructor(options: PlotOptions) {
    this.#options = options;
    this.#all.addEventListener('click', () => this.#zoom(undefined));
    this.#resizing.observe(this.element);
  }

  /** Shows a plane with points, all of it. */
  show(plane: Plane): void {
    this.release();
    this.#part = undefined;
    this.#all.hidden = true;
    this.#drawn = { plane, plot: new uPlot(this.#plotOptions(plane), dataOf(plane), this.element) };
    this.element.append(this.#all, legendOf(plane));
    this.#fit();
  }

  /** Marks the points that are chosen. */
  markChosen(): void {
    if (this.#drawn === undefined) return;
    for (const [point, link] of this.#links) this.#describe(this.#drawn.plane, point, link);
  }

  /** Removes the plot. */
  release(): void {
    this.#drawn?.plot.destroy();
    this.#drawn = undefined;
    this.element.replaceChildren();
  }

  leave(): void {
    this.#resizing.disconnect();
    this.release();
  }

  /** Fits the plot to the page. */
  #fit(): void {
    if (this.#drawn === undefined) return;
    const { plot } = this.#drawn;
    const width = this.element.clientWidth;
    if (width > 0 && width !== plot.width) plot.setSize({ width, height: heightPixels });
  }

  #zoom(part: Part | undefined): void {
    this.#part = part;
    this.#all.hidden = part === undefined;
    // Setting the data asks the scales for their ranges again.
    this.#drawn?.plot.setData(this.#drawn.plot.data);
  }

  /** Puts the points where the scales, which have their ranges once the plot is drawn, have them. */
  #drawPoints(plot: uPlot, plane: Plane): void {
    const { x, y } = this.#part ?? wholeOf(plane);
    const isIn = (point: PlanePoint): boolean => within(xOf(point), x) && within(yOf(point), y);
    for (const link of this.#links.values()) link.remove();
    this.#links = new Map(plane.points.filter(isIn).map((point) => [point, this.#link(plane, point, plot)]));
    plot.over.append(...this.#links.values());
  }

  #selected(plot: uPlot): void {
    const { left, top, width, height } = plot.select;
    if (width <= 0 || height <= 0) return;
    const x: Range = [plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x')];
    const y: Range = [plot.posToVal(top + height, 'y'), plot.posToVal(top, 'y')];
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.#zoom({ x, y });
  }

  #plotOptions(plane: Plane): uPlot.Options {
    const { x, y } = plane;
    const whole = wholeOf(plane);
    const rangeOn = (axis: 'x' | 'y') => (): [number, number] => [...(this.#part ?? whole)[axis]];
    const [across, up] = axes();
    // A point to the left of another one on the front, and below it, is dominated by it.
    const paths = uPlot.paths.stepped?.({ align: -1 });
    return {
      width: 420,
      height: heightPixels,
      legend: { show: false },
      cursor: {
        x: false,
        y: false,
        points: { show: false },
        drag: { x: true, y: true, dist: shortestDrag, setScale: false },
      },
      scales: { x: { time: false, range: rangeOn('x') }, y: { range: rangeOn('y') } },
      axes: [
        { ...across, label: `${x} (mean reward)` },
        { ...up, label: `${y} (mean reward)` },
      ],
      series: [{}, { stroke: colours[0] ?? '', width: 1.5, points: { show: false }, ...(paths && { paths }) }],
      hooks: {
        draw: [
          (plot) => {
            drawBehind(plot, plane);
            this.#drawPoints(plot, plane);
          },
        ],
        setSelect: [(plot) => this.#selected(plot)],
        ready: [(plot) => plot.over.addEventListener('dblclick', () => this.#zoom(undefined))],
      },
    };
  }

  #describe(plane: Plane, point: PlanePoint, link: HTMLElement): void {
    const chosen = this.#options.isChosen(point);
    link.title = textOf(plane, point) + (chosen ? ', chosen' : '');
    link.ariaLabel = link.title;
    link.dataset['chosen'] = String(chosen);
  }

  #link(plane: Plane, point: PlanePoint, plot: uPlot): HTMLElement {
    const link = element('a', {
      href: linkTo({ run: point.run }),
      class: 'point',
      draggable: 'false',
      'data-front': String(point.front),
    });
    this.#describe(plane, point, link);
    const colour = colourOf(plane, point.group);
    link.style.left = `${plot.valToPos(xOf(point), 'x')}px`;
    link.style.top = `${plot.valToPos(yOf(point), 'y')}px`;
    link.style.borderColor = colour;
    if (point.front) link.style.backgroundColor = colour;
    link.addEventListener('click', (event) => {
      if (!event.shiftKey) return;
      event.preventDefault();
      this.#options.choose(point);
    });
    return link;
  }
}

/** Says what a point is, and where. */
export function textOf({ x, y, objectives }: Plane, point: PlanePoint): string {
  const { run, version, preference, front } = point;
  const words = numbersText(preference, objectives);
  const stated = words === '' ? '' : `, preference ${words}`;
  const place = front ? ', on the front' : '';
  return `${run}, version ${version}${stated}: ${x} ${fixed(point.x.mean, 3)}, ${y} ${fixed(point.y.mean, 3)}${place}`;
}

/** The front from the left to the right, and its points' heights. */
function dataOf({ points }: Plane): uPlot.AlignedData {
  const front = points.filter((point) => point.front).sort((a, b) => xOf(a) - xOf(b) || yOf(b) - yOf(a));
  return [front.map(xOf), front.map(yOf)];
}

const xOf = ({ x }: PlanePoint): number => x.mean ?? NaN;
const yOf = ({ y }: PlanePoint): number => y.mean ?? NaN;

function within(value: number, [low, high]: Range): boolean {
  return value >= low && value <= high;
}

/** Returns the part of the plane that has every point with its intervals, and the starting policies. */
function wholeOf({ points, starts }: Plane): Part {
  return {
    x: rangeOf(
      points.map((point) => point.x),
      starts.map(([value]) => value),
    ),
    y: rangeOf(
      points.map((point) => point.y),
      starts.map(([, value]) => value),
    ),
  };
}

/** Returns the range of the points' intervals and of the starting policies, with some room around it. */
function rangeOf(intervals: readonly PlanePoint['x'][], starts: readonly number[]): Range {
  const ends = intervals.flatMap(({ low, mean, high }) => [low, mean, high].flatMap((end) => end ?? []));
  const values = [...ends, ...starts];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const margin = room * (high > low ? high - low : 1);
  return [low - margin, high + margin];
}

/** Draws the intervals of the points, the starting policies, and the lines between points. */
function drawBehind(plot: uPlot, plane: Plane): void {
  const { points, starts, x, y } = plane;
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
  for (const [average, of] of ingredientLines(points)) line([xOf(average), yOf(average)], [xOf(of), yOf(of)]);
  ctx.setLineDash([]);
  for (const [sx, sy] of starts) {
    ctx.beginPath();
    ctx.arc(plot.valToPos(sx, 'x', true), plot.valToPos(sy, 'y', true), 5 * devicePixelRatio, 0, 2 * Math.PI);
    ctx.stroke();
  }
  for (const ordered of preferenceLines(points, x, y)) {
    ctx.strokeStyle = colourOf(plane, ordered[0]?.group ?? '');
    ordered.slice(1).forEach((to, i) => {
      const from = ordered[i] ?? to;
      line([xOf(from), yOf(from)], [xOf(to), yOf(to)]);
    });
  }
  ctx.restore();
}

function colourOf({ points }: Plane, group: string): string {
  const groups = [...new Set(points.map((point) => point.group))];
  return colours[groups.indexOf(group) % colours.length] ?? '';
}

function legendOf(plane: Plane): HTMLElement {
  const { points, starts, x, y } = plane;
  const groups = [...new Set(points.map(({ group }) => group))];
  const items = groups.map((group) => {
    const mark = element('span', { class: 'swatch' });
    mark.style.backgroundColor = colourOf(plane, group);
    return element('li', {}, mark, group);
  });
  const parts = [
    'Filled: on the front. Lines: 95 % intervals',
    ...(ingredientLines(points).length > 0 ? ['dashed: from an average to its runs'] : []),
    ...(preferenceLines(points, x, y).length > 0
      ? ['coloured: one policy, in the order of its stated preferences']
      : []),
  ];
  const start = starts.length === 0 ? '' : ' Grey circle: the starting policy.';
  return element(
    'ul',
    { class: 'scores' },
    ...items,
    element('li', { class: 'quiet' }, `${parts.join('; ')}.${start}`),
  );
}
