/** A block of lines that is redrawn in place, with ordinary lines above it. */

const hideCursor = '\x1b[?25l';
const showCursor = '\x1b[?25h';
const clearToEnd = '\x1b[K';
const clearBelow = '\x1b[J';
/** Draws that follow each other faster than this are put together. */
const shortestDrawMs = 80;

/** What a block is drawn on. */
export interface Screen {
  write(text: string): unknown;
  /** The terminal's width; undefined or 0 where it is not known. */
  columns?: number | undefined;
}

/** Redraws a block: the whole frame is one write, each line overwritten and then cleared to its end, so that nothing flickers. */
export class LiveBlock {
  readonly #screen: Screen;
  #render: ((width: number) => string[]) | undefined;
  #height = 0;
  #drawnAt = -Infinity;
  #timer: NodeJS.Timeout | undefined;

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  /** Shows the block from now on; called again, replaces what it shows. */
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

  /** Draws a last time and leaves the block where it is. */
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
    // One column stays free: a terminal wraps a line that fills it.
    const width = Math.max((this.#screen.columns || 80) - 1, 20);
    const lines = this.#render?.(width) ?? [];
    const back = this.#height === 0 ? '' : `\x1b[${this.#height}A\r`;
    const block = lines.map((line) => `${line}${clearToEnd}\n`).join('');
    this.#screen.write(`${lines.length > 0 ? hideCursor : ''}${back}${above}${block}${clearBelow}`);
    this.#height = lines.length;
  }
}
