/** Views: parts of the page that are shown one at a time. */
import type { RunEventJson } from '@gapo/rpc/json';
import { element } from '#page/format.js';

/** A view. */
export interface View {
  /** What to put into the page. */
  readonly element: HTMLElement;
  /** Draws the run as it is now. @param event what changed; undefined the first time */
  draw(event?: RunEventJson): void;
  /** Releases what it holds. */
  leave(): void;
}

/** Returns the message of what went wrong. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Makes the text of something that went wrong. */
export function problemText(message: string): HTMLElement {
  return element('p', { class: 'problem', role: 'alert' }, message);
}

/**
 * Calls a function at most once in each frame, however often it is asked for.
 *
 * @returns asks for the call, and a function that cancels it
 */
export function oncePerFrame(act: () => void): { ask: () => void; cancel: () => void } {
  let frame = 0;
  return {
    ask: () => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(act);
    },
    cancel: () => cancelAnimationFrame(frame),
  };
}
