/** All pairs of objectives, each with a small picture of its plane: a person opens one by a click, by dragging to it, or by the arrow keys. */
import type { Plane } from '#page/data.js';
import { element } from '#page/format.js';

/** Pixels of a cell's side: as large as all fit beside the plane, within these bounds. */
const [smallest, largest, room] = [26, 72, 364] as const;

/** The side of a picture in its own units. */
const side = 100;

/** Room around the points, in the same units. */
const margin = 10;

/** Returns where the points of two objectives are in a picture, as [x, y] with y downwards. Versions without one of the means have none. */
export function pictureOf(means: Plane['means'], across: number, up: number): [number, number][] {
  const known = means.flatMap((row): [number, number][] => {
    const [x, y] = [row[across] ?? null, row[up] ?? null];
    return x === null || y === null ? [] : [[x, y]];
  });
  const placeOf = (axis: 0 | 1): ((value: number) => number) => {
    const values = known.map((point) => point[axis]);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const scale = side - 2 * margin;
    return (value) => margin + scale * (high > low ? (value - low) / (high - low) : 0.5);
  };
  const [placeX, placeY] = [placeOf(0), placeOf(1)];
  return known.map(([x, y]) => [placeX(x), side - placeY(y)]);
}

/** How far the arrow keys move in the triangle, as rows and columns. */
const arrows: Readonly<Record<string, readonly [number, number]>> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

/** A pair: the number of the objective up, and that of the one across, which is smaller. */
interface Cell {
  readonly row: number;
  readonly column: number;
  readonly button: HTMLButtonElement;
}

/** Shows the pairs of three objectives or more; nothing for fewer. */
export class PairMatrix {
  readonly element = element('div', { class: 'pairMatrix' });
  readonly #choose: (x: string, y: string) => void;
  readonly #said = element('p', { class: 'quiet' });
  /** What the cells show. */
  #drawn = '';
  #objectives: readonly string[] = [];
  #open: readonly [string, string] = ['', ''];
  #cells: Cell[] = [];
  /** The cell that a drag began in, and the one that it is over. */
  #drag: { readonly from: Cell; over: Cell } | undefined;
  readonly #leaving = new AbortController();

  /** @param choose receives the objectives across and up that a person wants to see */
  constructor(choose: (x: string, y: string) => void) {
    this.#choose = choose;
    const { signal } = this.#leaving;
    this.element.addEventListener('pointerdown', (event) => this.#dragFrom(event), { signal });
    this.element.addEventListener('pointerover', (event) => this.#dragOver(event), { signal });
    this.element.addEventListener('pointerout', () => this.#say(undefined), { signal });
    this.element.addEventListener('focusin', (event) => this.#say(this.#cellOf(event)), { signal });
    this.element.addEventListener('focusout', () => this.#say(undefined), { signal });
    this.element.addEventListener('keydown', (event) => this.#move(event), { signal });
    this.element.addEventListener('pointerleave', () => this.#dragHome(), { signal });
    addEventListener('pointerup', () => this.#drop(), { signal });
    addEventListener('pointercancel', () => this.#endDrag(), { signal });
  }

  leave(): void {
    this.#leaving.abort();
  }

  /** Shows the pairs of a plane, and which of them is open. Cells that are the same stay, with the focus. */
  show({ objectives, means, x, y }: Plane): void {
    this.#objectives = objectives;
    this.#open = [x, y];
    const wanted = objectives.length < 3 ? '' : JSON.stringify([objectives, means]);
    if (wanted !== this.#drawn) this.#draw(objectives, means, wanted === '');
    this.#drawn = wanted;
    const open = this.#cells.find((cell) => this.#isOpen(cell)) ?? this.#cells[0];
    for (const cell of this.#cells) {
      cell.button.setAttribute('aria-pressed', String(this.#isOpen(cell)));
      cell.button.tabIndex = cell === open ? 0 : -1;
    }
    this.#say(undefined);
  }

  #isOpen({ row, column }: Cell): boolean {
    const pair = [this.#objectives[row], this.#objectives[column]];
    return this.#open.every((name) => pair.includes(name));
  }

  #draw(objectives: readonly string[], means: Plane['means'], none: boolean): void {
    this.#cells = [];
    if (none) return this.element.replaceChildren();
    const rows = objectives.slice(1).map((name, i) => {
      const row = i + 1;
      const cells = objectives.slice(0, row).map((_, column) => {
        const button = this.#button(row, column);
        button.append(picture(means, column, row));
        this.#cells.push({ row, column, button });
        return element('td', {}, button);
      });
      return element('tr', {}, element('th', { scope: 'row', title: name }, name), ...cells);
    });
    const heads = objectives.slice(0, -1).map((name) => element('th', { scope: 'col', title: name }, name));
    const foot = element('tfoot', {}, element('tr', {}, element('td', {}), ...heads));
    const label = 'Pairs of objectives. Arrow keys move, Enter opens a pair.';
    const grid = element('table', { class: 'pairs', role: 'grid', 'aria-label': label }, element('tbody', {}, ...rows), foot); // prettier-ignore
    const size = Math.min(largest, Math.max(smallest, Math.floor(room / (objectives.length - 1))));
    grid.style.setProperty('--cell', `${size}px`);
    const scroll = element('div', { class: 'scroll' }, grid);
    this.element.replaceChildren(element('h2', {}, 'Pairs of objectives'), scroll, this.#said);
  }

  #button(row: number, column: number): HTMLButtonElement {
    const [x, y] = [this.#objectives[column] ?? '', this.#objectives[row] ?? ''];
    const label = `${x} across, ${y} up`;
    const button = element('button', { type: 'button', 'aria-label': label, title: label, 'data-cell': `${row}/${column}` }); // prettier-ignore
    button.addEventListener('click', () => this.#choose(x, y));
    return button;
  }

  #cellOf({ target }: Event): Cell | undefined {
    const button = target instanceof Element ? target.closest('button') : null;
    return this.#cells.find((cell) => cell.button === button);
  }

  /** Says which pair a cell is; without one, which is open. */
  #say(cell: Cell | undefined): void {
    const [x, y] = cell === undefined ? this.#open : [this.#objectives[cell.column], this.#objectives[cell.row]];
    this.#said.textContent = `${x ?? ''} across, ${y ?? ''} up`;
  }

  #dragFrom(event: PointerEvent): void {
    const cell = this.#cellOf(event);
    // A finger scrolls.
    if (cell === undefined || event.pointerType === 'touch' || event.button !== 0) return;
    this.#drag = { from: cell, over: cell };
  }

  #dragOver(event: PointerEvent): void {
    const cell = this.#cellOf(event);
    this.#say(cell);
    if (this.#drag === undefined || cell === undefined) return;
    this.#mark(this.#drag.over, false);
    this.#drag.over = cell;
    this.#mark(cell, cell !== this.#drag.from);
  }

  /** A drag that leaves the matrix opens nothing, unless it comes back. */
  #dragHome(): void {
    if (this.#drag === undefined) return;
    this.#mark(this.#drag.over, false);
    this.#drag.over = this.#drag.from;
  }

  #mark({ button }: Cell, on: boolean): void {
    button.toggleAttribute('data-over', on);
  }

  /** Opens the pair that was dragged to. That which the drag began in is opened by the click. */
  #drop(): void {
    const drag = this.#drag;
    this.#endDrag();
    if (drag === undefined || drag.over === drag.from) return;
    const { row, column, button } = drag.over;
    button.focus();
    this.#choose(this.#objectives[column] ?? '', this.#objectives[row] ?? '');
  }

  #endDrag(): void {
    if (this.#drag !== undefined) this.#mark(this.#drag.over, false);
    this.#drag = undefined;
  }

  #move(event: KeyboardEvent): void {
    const from = this.#cellOf(event);
    const [down, right] = arrows[event.key] ?? [0, 0];
    if (from === undefined || (down === 0 && right === 0)) return;
    event.preventDefault();
    const to = this.#cells.find(({ row, column }) => row === from.row + down && column === from.column + right);
    if (to === undefined) return;
    from.button.tabIndex = -1;
    to.button.tabIndex = 0;
    to.button.focus();
  }
}

/** Draws the points of a pair: each a dot, as a line of no length with round ends. */
function picture(means: Plane['means'], across: number, up: number): SVGElement {
  const make = (name: string, attributes: Readonly<Record<string, string>>): SVGElement => {
    const made = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  const dots = pictureOf(means, across, up).map(([x, y]) => `M${x.toFixed(1)} ${y.toFixed(1)}h.01`);
  const svg = make('svg', { viewBox: `0 0 ${side} ${side}`, 'aria-hidden': 'true' });
  svg.append(make('path', { d: dots.join('') }));
  return svg;
}
