/** The preference dial: a slider for two objectives, a triangle for three, a slider for each of more; and a number for each. */
import { element } from '#page/format.js';
import { pointOf, sharesAt, withShare } from '#page/simplex.js';

/** How far an arrow key moves a share. */
const keyStep = 0.05;

/** The keys that move the mark of the triangle, and by how much of the square. */
const arrows: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-keyStep, 0],
  ArrowRight: [keyStep, 0],
  ArrowUp: [0, -keyStep],
  ArrowDown: [0, keyStep],
};

/** Lets a person choose shares. */
export class Dial {
  readonly element = element('div', { class: 'dial' });
  readonly #names: readonly string[];
  readonly #onChange: () => void;
  readonly #numbers: readonly HTMLInputElement[];
  readonly #sliders: readonly HTMLInputElement[];
  readonly #triangle: HTMLElement | undefined;
  readonly #mark = element('span', { class: 'mark' });
  readonly #was = element('span', { class: 'mark was', 'aria-hidden': 'true' });
  #shares: number[];

  /**
   * @param shares that are in force, which stay marked
   * @param onChange called when a person has moved the dial
   */
  constructor(names: readonly string[], shares: readonly number[], enabled: boolean, onChange: () => void) {
    this.#names = names;
    this.#shares = [...shares];
    this.#onChange = onChange;
    const input = (type: 'number' | 'range', i: number): HTMLInputElement => {
      const label = type === 'number' ? `Share of ${names[i] ?? ''}` : `Dial of ${names[i] ?? ''}`;
      const made = element('input', { type, min: '0', max: '1', step: '0.01', 'aria-label': label });
      made.disabled = !enabled;
      made.addEventListener(type === 'number' ? 'change' : 'input', () => {
        this.#set(withShare(this.#shares, i, Number(made.value) || 0));
      });
      return made;
    };
    this.#numbers = names.map((_, i) => input('number', i));
    // One slider moves both of two objectives: to the right for the second one.
    this.#sliders =
      names.length === 2 ? [input('range', 1)] : names.length > 3 ? names.map((_, i) => input('range', i)) : [];
    this.#triangle = names.length === 3 ? this.#makeTriangle(enabled) : undefined;
    this.element.append(...(this.#triangle === undefined ? [] : [this.#triangle]));
    if (this.#sliders.length === 1) {
      const [slider] = this.#sliders;
      this.element.append(element('div', { class: 'ends' }, names[0] ?? '', slider ?? '', names[1] ?? ''));
    }
    const rows = names.map((name, i) => {
      const slider = this.#sliders.length > 1 ? this.#sliders[i] : undefined;
      return element('div', { class: 'share' }, element('span', {}, name), slider ?? '', this.#numbers[i] ?? '');
    });
    this.element.append(element('div', { class: 'shares' }, ...rows));
    this.#place(this.#was, shares);
    this.#draw();
  }

  /** The shares that are chosen, in the order of the names. */
  get shares(): readonly number[] {
    return this.#shares;
  }

  /** Moves the dial, as a person would. */
  set(shares: readonly number[]): void {
    this.#set([...shares]);
  }

  #set(shares: number[]): void {
    this.#shares = shares;
    this.#draw();
    this.#onChange();
  }

  #draw(): void {
    this.#numbers.forEach((number, i) => (number.value = (this.#shares[i] ?? 0).toFixed(2)));
    this.#sliders.forEach((slider, i) => {
      slider.value = String(this.#shares[this.#sliders.length === 1 ? 1 : i] ?? 0);
    });
    this.#place(this.#mark, this.#shares);
    const text = this.#names.map((name, i) => `${name} ${(this.#shares[i] ?? 0).toFixed(2)}`).join(', ');
    this.#triangle?.setAttribute('aria-label', `Preference: ${text}. Arrow keys move it.`);
    for (const slider of this.#sliders) slider.setAttribute('aria-valuetext', text);
  }

  #place(mark: HTMLElement, shares: readonly number[]): void {
    const [x, y] = pointOf(shares);
    mark.style.left = `${(100 * x).toFixed(2)}%`;
    mark.style.top = `${(100 * y).toFixed(2)}%`;
  }

  #makeTriangle(enabled: boolean): HTMLElement {
    const [left = '', right = '', top = ''] = this.#names;
    const triangle = element(
      'div',
      { class: 'triangle', role: 'application', tabindex: enabled ? '0' : '-1', 'aria-disabled': String(!enabled) },
      element('span', { class: 'corner top' }, top),
      element('span', { class: 'corner left' }, left),
      element('span', { class: 'corner right' }, right),
      element('div', { class: 'area' }, this.#was, this.#mark),
    );
    const area = triangle.lastElementChild as HTMLElement;
    if (!enabled) return triangle;
    const move = (event: PointerEvent): void => {
      const { left, top, width, height } = area.getBoundingClientRect();
      this.#set(sharesAt((event.clientX - left) / width, (event.clientY - top) / height));
    };
    area.addEventListener('pointerdown', (event) => {
      area.setPointerCapture(event.pointerId);
      move(event);
    });
    area.addEventListener('pointermove', (event) => {
      if (area.hasPointerCapture(event.pointerId)) move(event);
    });
    triangle.addEventListener('keydown', (event) => {
      const [dx, dy] = arrows[event.key] ?? [0, 0];
      if (dx === 0 && dy === 0) return;
      event.preventDefault();
      const [x, y] = pointOf(this.#shares);
      this.#set(sharesAt(x + dx, y + dy));
    });
    return triangle;
  }
}
