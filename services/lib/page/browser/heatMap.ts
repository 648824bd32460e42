/** A heat map of cosines over steps: a row for each pair of objectives, a column for each step or the mean of some. */
import { element, fixed } from '#page/format.js';
import { separator, type Series } from '#page/series.js';

/** One pair of objectives. */
interface Row {
  label: string;
  values: readonly (number | null)[];
  mean: number;
}

const rowPixels = 18;

/** Rows that are shown before a person asks for all: those of 8 objectives. */
const mostRows = 28;

/** The colour of a cosine: one hue for conflict, one for agreement, stronger towards -1 and 1. Legible on light and dark. */
export function cosineColour(cosine: number, most = 1): string {
  const hue = cosine < 0 ? '217, 119, 6' : '59, 130, 217';
  return `rgba(${hue}, ${(most * Math.min(1, Math.abs(cosine))).toFixed(3)})`;
}

/** Draws a heat map, and reports which step a person chooses. */
export class HeatMap {
  readonly element = element('div', { class: 'heat' });
  readonly #canvas = element('canvas', { role: 'img' });
  readonly #labels = element('div', { class: 'heatLabels', 'aria-hidden': 'true' });
  readonly #range = element('input', { type: 'range', 'aria-label': 'Step' });
  readonly #said = element('output', { class: 'quiet' });
  readonly #all = element('button', { type: 'button' });
  readonly #choose: (step: number) => void;
  readonly #resizing = new ResizeObserver(() => this.#paint());
  #series: Series = { steps: [], columns: {} };
  #rows: Row[] = [];
  #showsAll = false;
  /** The index of the chosen column. */
  #column = -1;

  /** @param choose called with the step of the column that a person chooses */
  constructor(choose: (step: number) => void) {
    this.#choose = choose;
    this.#range.addEventListener('input', () => this.#pick(Number(this.#range.value)));
    this.#canvas.addEventListener('click', (event) => this.#pick(this.#columnAt(event)));
    this.#canvas.addEventListener('pointermove', (event) => this.#say(this.#columnAt(event), this.#rowAt(event)));
    this.#all.addEventListener('click', () => {
      this.#showsAll = !this.#showsAll;
      this.#layOut();
    });
    const drawing = element('div', { class: 'heatDrawing' }, this.#canvas, this.#range);
    this.element.append(element('div', { class: 'heatGrid' }, this.#labels, drawing), this.#said, this.#all);
    this.#resizing.observe(this.#canvas);
  }

  /** Draws cosines. Rows with the strongest conflicts come first. @param step the chosen one */
  show(series: Series, step: number): void {
    this.#series = series;
    this.#column = columnOf(series.steps, step);
    this.#rows = Object.entries(series.columns)
      .map(([name, values]) => {
        const known = values.filter((value) => value !== null);
        const [, a = '', b = ''] = name.split(separator);
        return { label: `${a} × ${b}`, values, mean: known.reduce((sum, value) => sum + value, 0) / known.length };
      })
      .filter(({ mean }) => Number.isFinite(mean))
      .sort((a, b) => a.mean - b.mean);
    this.#layOut();
  }

  /** Marks the column of another step. */
  mark(step: number): void {
    this.#column = columnOf(this.#series.steps, step);
    this.#range.value = String(this.#column);
    this.#say(this.#column, -1);
    this.#paint();
  }

  leave(): void {
    this.#resizing.disconnect();
  }

  get #shownRows(): readonly Row[] {
    return this.#showsAll ? this.#rows : this.#rows.slice(0, mostRows);
  }

  #layOut(): void {
    const rows = this.#shownRows;
    this.#labels.replaceChildren(...rows.map(({ label }) => element('span', { title: label }, label)));
    this.#canvas.style.height = `${rows.length * rowPixels}px`;
    this.#all.hidden = this.#rows.length <= mostRows;
    this.#all.textContent = this.#showsAll
      ? `Show the ${mostRows} pairs that conflict most`
      : `Show all ${this.#rows.length} pairs`;
    this.#range.max = String(Math.max(0, this.#series.steps.length - 1));
    this.#range.value = String(this.#column);
    this.#canvas.setAttribute('aria-label', this.#summary());
    this.#say(this.#column, -1);
    this.#paint();
  }

  #summary(): string {
    const [worst] = this.#rows;
    if (worst === undefined) return 'No cosines';
    const { steps } = this.#series;
    return `Cosines of ${this.#rows.length} ${this.#rows.length === 1 ? 'pair' : 'pairs'} from step ${steps[0] ?? 0} to ${steps.at(-1) ?? 0}. The strongest conflict is ${worst.label}, with a mean of ${fixed(worst.mean, 2)}.`;
  }

  #pick(column: number): void {
    const step = this.#series.steps[column];
    if (step === undefined) return;
    this.#column = column;
    this.#range.value = String(column);
    this.#say(column, -1);
    this.#paint();
    this.#choose(step);
  }

  /** Says what a cell is; of a column, its strongest conflict. */
  #say(column: number, row: number): void {
    const step = this.#series.steps[column];
    if (step === undefined) return void (this.#said.textContent = '');
    const rows = this.#shownRows;
    const valueOf = ({ values }: Row): number => values[column] ?? Infinity;
    const shown = rows[row] ?? [...rows].sort((a, b) => valueOf(a) - valueOf(b))[0];
    this.#said.textContent =
      shown === undefined ? '' : `Step ${step}: ${shown.label} ${fixed(shown.values[column], 2)}`;
    this.#range.setAttribute('aria-valuetext', this.#said.textContent);
  }

  #columnAt({ offsetX }: MouseEvent): number {
    const count = this.#series.steps.length;
    return Math.min(count - 1, Math.floor((offsetX / this.#canvas.clientWidth) * count));
  }

  #rowAt({ offsetY }: MouseEvent): number {
    return Math.floor(offsetY / rowPixels);
  }

  #paint(): void {
    const { clientWidth, clientHeight } = this.#canvas;
    const context = this.#canvas.getContext('2d');
    if (context === null || clientWidth === 0) return;
    const scale = devicePixelRatio;
    this.#canvas.width = clientWidth * scale;
    this.#canvas.height = clientHeight * scale;
    context.scale(scale, scale);
    const count = this.#series.steps.length;
    const width = clientWidth / count;
    for (const [row, { values }] of this.#shownRows.entries()) {
      for (const [column, value] of values.entries()) {
        if (value === null) continue;
        context.fillStyle = cosineColour(value);
        // Cells of a fraction of a pixel overlap, so that no seams show.
        context.fillRect(column * width, row * rowPixels, width + (width < 4 ? 0.5 : 0), rowPixels - 1);
      }
    }
    if (this.#column < 0) return;
    context.strokeStyle = getComputedStyle(this.#canvas).color;
    context.lineWidth = 1.5;
    context.strokeRect(this.#column * width, 0.5, Math.max(2, width), clientHeight - 1);
  }
}

/** Returns the index of the column that a step is in: the first that does not end before it. */
function columnOf(steps: readonly number[], step: number): number {
  const found = steps.findIndex((each) => each >= step);
  return found === -1 ? steps.length - 1 : found;
}
