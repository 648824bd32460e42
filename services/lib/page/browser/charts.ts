/** The charts of a run over its steps, drawn by uPlot and updated in place. A chart is there where it has a value to show. */
import type { ObjectiveReportJson, PhaseSecondsJson, StepReportJson } from '@gapo/rpc/json';
import uPlot from 'uplot';
import { element, significant, type Value } from '#page/format.js';

/** Colours that differ in lightness as well as in hue, and are legible on a light and on a dark background. */
const colours = ['#3b82d9', '#d97706', '#16a079', '#c2519c', '#7c6ae0', '#a3a31a', '#5aa5c8', '#c4513f'];

const heightPixels = 200;

/** One line of a chart. */
interface Line {
  label: string;
  colour: string;
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
function plansOf(steps: readonly StepReportJson[]): Plan[] {
  const lines = (labels: readonly string[], value: (step: StepReportJson, label: string) => Value): Line[] =>
    labels
      .map((label, i) => ({
        label,
        colour: colours[i % colours.length] ?? '#3b82d9',
        values: steps.map((step) => value(step, label)),
      }))
      .filter(({ values }) => values.some((each) => typeof each === 'number'));
  const names = [...new Set(steps.flatMap(({ objectives }) => objectives.map(({ name }) => name)))];
  const phases = [...new Set(steps.flatMap(({ phases }) => Object.keys(phases ?? {})))];
  const each = (value: (objective: ObjectiveReportJson) => Value): Line[] =>
    lines(names, ({ objectives }, label) => {
      const found = objectives.find(({ name }) => name === label);
      return found && value(found);
    });
  const reused = steps.some(({ weightsAge }) => weightsAge > 0);
  const plans: Plan[] = [
    { title: 'Mean reward', lines: each(({ rewardMean }) => rewardMean) },
    { title: 'Weight in the update', lines: each(({ weight }) => weight) },
    { title: 'Lagrange multiplier', lines: each(({ multiplier }) => multiplier) },
    { title: 'Accuracy on labelled pairs', lines: each(({ accuracy }) => accuracy) },
    { title: 'KL to the reference, per token', lines: lines(['KL'], ({ kl }) => kl) },
    {
      title: 'Stationarity (0: Pareto stationary)',
      lines: lines(['stationarity'], ({ stationarity }) => stationarity),
    },
    { title: 'Age of the weights in steps', lines: reused ? lines(['age'], ({ weightsAge }) => weightsAge) : [] },
    {
      title: 'Angle to the exact update in degrees',
      lines: lines(['angle'], ({ approximationDegrees }) => approximationDegrees),
      connected: true,
    },
    {
      title: 'Seconds of each phase',
      lines: lines(phases, (step, phase) => step.phases?.[phase as keyof PhaseSecondsJson]),
    },
    {
      title: 'Completion length in tokens',
      lines: lines(['tokens'], ({ completionLength }) => completionLength),
    },
  ];
  return plans.filter((plan) => plan.lines.length > 0);
}

/** The charts of one run. */
export class Charts {
  /** What to put into the page. */
  readonly element: HTMLElement = element('div', { class: 'charts' });
  #charts: { plot: uPlot; box: HTMLElement }[] = [];
  /** The titles and labels that are drawn. */
  #drawn = '';
  readonly #resizing = new ResizeObserver(() => this.#fit());

  constructor() {
    this.#resizing.observe(this.element);
  }

  /** Draws the steps. An objective's line has a gap at the steps that it had no part in. */
  show(steps: readonly StepReportJson[]): void {
    const plans = plansOf(steps);
    const wanted = JSON.stringify(plans.map(({ title, lines }) => [title, lines.map(({ label }) => label)]));
    if (this.#drawn !== wanted) this.#create(plans);
    this.#drawn = wanted;
    const x = steps.map(({ step }) => step);
    plans.forEach(({ lines }, i) => this.#charts[i]?.plot.setData([x, ...lines.map(({ values }) => values)]));
  }

  /** Replaces the charts. */
  #create(plans: readonly Plan[]): void {
    for (const { plot } of this.#charts) plot.destroy();
    this.#charts = plans.map((plan) => {
      const box = element('section', { class: 'chart', 'aria-label': plan.title }, element('h2', {}, plan.title));
      return { box, plot: new uPlot(options(plan), [[], ...plan.lines.map(() => [])], box) };
    });
    this.element.replaceChildren(...this.#charts.map(({ box }) => box));
    this.#fit();
  }

  /** Releases the charts. */
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

function options({ lines, connected = false }: Plan): uPlot.Options {
  // Read at each drawing: the colours follow the system's theme.
  const text = (): string => getComputedStyle(document.documentElement).getPropertyValue('color');
  const axis: uPlot.Axis = { stroke: text, grid: { stroke: '#8884', width: 1 }, ticks: { stroke: '#8884', width: 1 } };
  const show = (_: uPlot, value: number | null): string => significant(value);
  return {
    width: 420,
    height: heightPixels,
    scales: { x: { time: false } },
    axes: [axis, { ...axis, size: 56, values: (_, ticks) => ticks.map(significant) }],
    series: [
      { label: 'step' },
      ...lines.map(({ label, colour }) => ({
        label,
        stroke: colour,
        width: 1.5,
        value: show,
        points: { size: 4 },
        spanGaps: connected,
      })),
    ],
  };
}
