/** The charts of a run over its steps, drawn by uPlot and updated in place. A chart is there where it has a value to show. */
import uPlot from 'uplot';
import { element, significant, type Value } from '#page/format.js';
import { separator, type Series } from '#page/series.js';

/** Colours that differ in lightness as well as in hue, and are legible on a light and on a dark background. */
export const colours = ['#3b82d9', '#d97706', '#16a079', '#c2519c', '#7c6ae0', '#a3a31a', '#5aa5c8', '#c4513f'];

const heightPixels = 200;

const chartsPerFrame = 1;

/** One line of a chart. */
interface Line {
  label: string;
  colour: string;
  /** Dashes tell more lines apart than there are colours. */
  dashed: boolean;
  /** One value for each step. */
  values: Value[];
}

/** One chart. */
interface Plan {
  title: string;
  lines: Line[];
  /** Whether values that are some steps apart are connected. */
  connected?: boolean;
}

/** The charts that have values, and of each the lines that do. */
function plansOf({ columns }: Series): Plan[] {
  const line = (label: string, values: Value[], i: number): Line => ({
    label,
    colour: colours[i % colours.length] ?? '#3b82d9',
    dashed: i >= colours.length,
    values,
  });
  // One colour for an objective in all charts.
  const names = [...new Set(Object.keys(columns).flatMap((name) => objectiveIn(name)))];
  const each = (what: string): Line[] =>
    names
      .map((name, i) => line(name, columns[what + separator + name] ?? [], i))
      .filter(({ values }) => values.some((value) => typeof value === 'number'));
  const phases = Object.keys(columns).filter((name) => name.startsWith(`phase${separator}`));
  const one = (what: string, label: string): Line[] =>
    [line(label, columns[what] ?? [], 0)].filter(({ values }) => values.some((value) => typeof value === 'number'));
  const reused = columns['age']?.some((age) => age !== null && age > 0) === true;
  const plans: Plan[] = [
    { title: 'Mean reward', lines: each('reward') },
    { title: 'Weight in the update', lines: each('weight') },
    { title: 'Lagrange multiplier', lines: each('multiplier') },
    { title: 'Accuracy on labelled pairs', lines: each('accuracy') },
    { title: 'KL to the reference, per token', lines: [...one('kl', 'KL'), ...each('kl')] },
    {
      title: 'Stationarity (0: Pareto stationary)',
      lines: [...one('stationarity', 'stationarity'), ...each('stationarity')],
    },
    { title: 'Effective sample size, as a share of tokens', lines: one('sampleSize', 'effective sample size') },
    { title: 'Age of the weights in steps', lines: reused ? one('age', 'age') : [] },
    { title: 'Angle to the exact update in degrees', lines: one('angle', 'angle'), connected: true },
    {
      title: 'Seconds of each phase',
      lines: phases.map((name, i) => line(name.split(separator)[1] ?? '', columns[name] ?? [], i)),
    },
    { title: 'Completion length in tokens', lines: [...one('length', 'tokens'), ...each('length')] },
  ];
  return plans.filter((plan) => plan.lines.length > 0);
}

/** The objective that a column is of, as a list of one or none. */
function objectiveIn(column: string): string[] {
  const [what, name] = column.split(separator);
  return name === undefined || what === 'phase' ? [] : [name];
}

/** The charts of one run. */
export class Charts {
  /** What to put into the page. */
  readonly element: HTMLElement = element('div', { class: 'charts' });
  #charts: { plot: uPlot; box: HTMLElement }[] = [];
  /** The titles and labels that are drawn. */
  #drawn = '';
  /** The data of charts that are not drawn yet: the last ones. */
  #waiting: uPlot.AlignedData[] = [];
  #frame = 0;
  /** The range of steps that a person has chosen by dragging; undefined for all. */
  #range: readonly [number, number] | undefined;
  readonly #connected: boolean;
  readonly #onZoom: (range: readonly [number, number] | undefined) => void;
  readonly #resizing = new ResizeObserver(() => this.#fit());

  /**
   * @param onZoom observes which steps a person wants to see closer; undefined for all
   * @param connected whether every line connects its values across steps without one
   */
  constructor(onZoom: (range: readonly [number, number] | undefined) => void = () => undefined, connected = false) {
    this.#onZoom = onZoom;
    this.#connected = connected;
    this.#resizing.observe(this.element);
  }

  /** Whether a person looks at a part of the steps. */
  get isZoomed(): boolean {
    return this.#range !== undefined;
  }

  /** Draws the steps. An objective's line has a gap at the steps that it had no part in. */
  show(series: Series): void {
    const plans = plansOf(series);
    const wanted = JSON.stringify(plans.map(({ title, lines }) => [title, lines.map(({ label }) => label)]));
    if (this.#drawn !== wanted) this.#create(plans);
    this.#drawn = wanted;
    this.#waiting = plans.map(({ lines }) => [series.steps, ...lines.map(({ values }) => values)]);
    cancelAnimationFrame(this.#frame);
    this.#drawNext();
  }

  /** Draws a few charts, and the others in the frames that follow: many lines at once would hold up what a person does. */
  #drawNext(): void {
    const first = this.#charts.length - this.#waiting.length;
    const now = this.#waiting.splice(0, chartsPerFrame);
    now.forEach((data, i) => this.#charts[first + i]?.plot.setData(data, !this.isZoomed));
    if (this.#waiting.length > 0) this.#frame = requestAnimationFrame(() => this.#drawNext());
  }

  /** Replaces the charts. */
  #create(plans: readonly Plan[]): void {
    for (const { plot } of this.#charts) plot.destroy();
    this.#charts = plans.map((plan) => {
      const box = element('section', { class: 'chart', 'aria-label': plan.title }, element('h2', {}, plan.title));
      return { box, plot: new uPlot(this.#options(plan), [[], ...plan.lines.map(() => [])], box) };
    });
    this.element.replaceChildren(...this.#charts.map(({ box }) => box));
    this.#fit();
  }

  /** Releases the charts. */
  destroy(): void {
    cancelAnimationFrame(this.#frame);
    this.#resizing.disconnect();
    for (const { plot } of this.#charts) plot.destroy();
  }

  #fit(): void {
    for (const { plot, box } of this.#charts) {
      const style = getComputedStyle(box);
      const width = box.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
      // Setting a size draws the chart, even if it is the same.
      if (width > 0 && width !== plot.width) plot.setSize({ width, height: heightPixels });
    }
  }

  #options({ lines, connected = this.#connected }: Plan): uPlot.Options {
    const show = (_: uPlot, value: number | null): string => significant(value);
    return {
      width: 420,
      height: heightPixels,
      scales: { x: { time: false } },
      axes: axes(),
      cursor: { sync: { key: 'steps' } },
      hooks: {
        setSelect: [
          (plot) => {
            const { left, width } = plot.select;
            if (width > 0) this.#zoom([plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x')]);
          },
        ],
        ready: [(plot) => plot.over.addEventListener('dblclick', () => this.#zoom(undefined))],
      },
      series: [
        { label: 'step' },
        ...lines.map(({ label, colour, dashed }) => ({
          label,
          stroke: colour,
          width: 1.5,
          ...(dashed && { dash: [6, 3] }),
          value: show,
          points: { size: 4 },
          spanGaps: connected,
        })),
      ],
    };
  }

  #zoom(range: readonly [number, number] | undefined): void {
    this.#range = range && [Math.floor(range[0]), Math.ceil(range[1])];
    this.#onZoom(this.#range);
  }
}

/** The axes of a chart, in the colours of the system's theme. */
export function axes(): uPlot.Axis[] {
  // Read at each drawing: the theme may change.
  const text = (): string => getComputedStyle(document.documentElement).getPropertyValue('color');
  const axis: uPlot.Axis = { stroke: text, grid: { stroke: '#8884', width: 1 }, ticks: { stroke: '#8884', width: 1 } };
  return [axis, { ...axis, size: 56, values: (_, ticks) => ticks.map(significant) }];
}
