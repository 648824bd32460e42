/** A block of lines that is redrawn in place, with ordinary lines above it. */

const hideCursor = '\x1b[?25l';
const showCursor = '\x1b[?25h';
const clearToEnd = '\x1b[K';
const clearBelow = '\x1b[J';
/** Minimum time between draws; faster updates are merged. */
const shortestDrawMs = 80;

/** The output of a live block. */
export interface Screen {
  write(text: string): unknown;
  /** The terminal's width; undefined or 0 if unknown. */
  columns?: number | undefined;
}

/** Redraws a block. A frame is a single write that overwrites each line and clears it to its end, so that nothing flickers. */
export class LiveBlock {
  readonly #screen: Screen;
  #render: ((width: number) => string[]) | undefined;
  #height = 0;
  #drawnAt = -Infinity;
  #timer: NodeJS.Timeout | undefined;

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  /** Shows the block, or replaces its content. */
  show(render: (width: number) => string[]): void {
    this.#render = render;
    const wait = this.#drawnAt + shortestDrawMs - performance.now();
    if (wait <= 0) this.#draw();
    else this.#timer ??= setTimeout(() => this.#draw(), wait);
  }

  /** Writes a line above the block. */
  say(text: string): void {
    const lines = text.split('\n').map((line) => `${line}${clearToEnd}\n`);
    this.#draw(lines.join(''));
  }

  /** Draws a last time and leaves the block on the screen. */
  finish(): void {
    if (this.#render !== undefined) this.#draw();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#height > 0) this.#screen.write(showCursor);
    this.#render = undefined;
    this.#height = 0;
  }

  #draw(above = ''): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#drawnAt = performance.now();
    // One column is left free: a terminal wraps a line that fills it.
    const width = Math.max((this.#screen.columns || 80) - 1, 20);
    const lines = this.#render?.(width) ?? [];
    const back = this.#height === 0 ? '' : `\x1b[${this.#height}A\r`;
    const block = lines.map((line) => `${line}${clearToEnd}\n`).join('');
    this.#screen.write(`${lines.length > 0 ? hideCursor : ''}${back}${above}${block}${clearBelow}`);
    this.#height = lines.length;
  }
}
