/** The charts of a run over its steps, drawn by uPlot and updated in place. */
import uPlot from 'uplot';
import { phaseNames, type Num, type StepData } from '#page/data.js';
import { element, significant } from '#page/format.js';

/** Colours that differ in lightness as well as in hue, and stand on light and on dark ground. */
const colours = ['#3b82d9', '#d97706', '#16a079', '#c2519c', '#7c6ae0', '#a3a31a', '#5aa5c8', '#c4513f'];

const heightPixels = 200;

/** One line of a chart. */
interface Line {
  label: string;
  value: (step: StepData) => Num;
}

/** One chart. */
interface Plan {
  title: string;
  lines: Line[];
}

function plans(objectives: readonly string[]): Plan[] {
  const each = (value: (objective: StepData['objectives'][number]) => Num): Line[] =>
    objectives.map((name) => ({
      label: name,
      value: (step) => {
        const found = step.objectives.find((objective) => objective.name === name);
        return found === undefined ? null : value(found);
      },
    }));
  return [
    { title: 'Mean reward', lines: each(({ rewardMean }) => rewardMean) },
    { title: 'Weight in the update', lines: each(({ weight }) => weight) },
    { title: 'KL to the reference, per token', lines: [{ label: 'KL', value: ({ kl }) => kl }] },
    {
      title: 'Stationarity (0: Pareto stationary)',
      lines: [{ label: 'stationarity', value: ({ stationarity }) => stationarity }],
    },
    {
      title: 'Seconds of each phase',
      lines: phaseNames.map((name) => ({ label: name, value: ({ phases }) => phases[name] })),
    },
    {
      title: 'Completion length in tokens',
      lines: [{ label: 'tokens', value: ({ completionLength }) => completionLength }],
    },
  ];
}

/** The charts of one run. */
export class Charts {
  /** What to put into the page. */
  readonly element: HTMLElement = element('div', { class: 'charts' });
  #charts: { plan: Plan; plot: uPlot; box: HTMLElement }[] = [];
  /** The objectives that there are lines for. */
  #drawn: readonly string[] | undefined;
  readonly #inForce: readonly string[];
  readonly #resizing = new ResizeObserver(() => this.#fit());

  /** @param inForce the names of the objectives in force */
  constructor(inForce: readonly string[]) {
    this.#inForce = inForce;
    this.#resizing.observe(this.element);
  }

  /** Draws the steps. An objective has a line with a gap where it has no part in a step. */
  show(steps: readonly StepData[]): void {
    const ever = new Set([...steps.flatMap(({ objectives }) => objectives.map(({ name }) => name)), ...this.#inForce]);
    if (this.#drawn?.join() !== [...ever].join()) this.#begin([...ever]);
    const x = steps.map(({ step }) => step);
    for (const { plan, plot } of this.#charts) {
      plot.setData([x, ...plan.lines.map(({ value }) => steps.map(value))]);
    }
  }

  /** Begins anew, with lines for other objectives. */
  #begin(objectives: readonly string[]): void {
    for (const { plot } of this.#charts) plot.destroy();
    this.#drawn = objectives;
    this.#charts = plans(objectives).map((plan) => {
      const box = element('section', { class: 'chart', 'aria-label': plan.title }, element('h2', {}, plan.title));
      return { plan, box, plot: new uPlot(options(plan), [[], ...plan.lines.map(() => [])], box) };
    });
    this.element.replaceChildren(...this.#charts.map(({ box }) => box));
    this.#fit();
  }

  /** Lets the charts go. */
  destroy(): void {
    this.#resizing.disconnect();
    for (const { plot } of this.#charts) plot.destroy();
  }

  #fit(): void {
    for (const { plot, box } of this.#charts) {
      const style = getComputedStyle(box);
      const width = box.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
      if (width > 0) plot.setSize({ width, height: heightPixels });
    }
  }
}

function options({ lines }: Plan): uPlot.Options {
  // Read at each drawing: the colours follow the system's theme.
  const text = (): string => getComputedStyle(document.documentElement).getPropertyValue('color');
  const axis: uPlot.Axis = { stroke: text, grid: { stroke: '#8884', width: 1 }, ticks: { stroke: '#8884', width: 1 } };
  const show = (_: uPlot, value: number | null): string => significant(value);
  return {
    width: 420,
    height: heightPixels,
    scales: { x: { time: false } },
    axes: [axis, { ...axis, size: 56 }],
    series: [
      { label: 'step' },
      ...lines.map(({ label }, i) => ({
        label,
        stroke: colours[i % colours.length] ?? '#3b82d9',
        width: 1.5,
        value: show,
        points: { size: 4 },
      })),
    ],
  };
}
