/** The page of a run: its name and state, the links to its views, and the view that the address names. */
import type { RunEventJson } from '@gapo/rpc/json';
import { stateWord } from '@gapo/rpc/runState';
import { linkTo } from '#page/address.js';
import { element } from '#page/format.js';
import type { ShownRun } from '#page/liveRun.js';
import { stateBadge } from '#page/tables.js';
import { oncePerFrame, type View } from '#page/view.js';

/** A view of a run, by the name in its address. */
export interface RunViews {
  readonly [name: string]: {
    readonly title: string;
    /** Whether it stays as it is while another view is shown. @default false: it is left and opened again */
    readonly stays?: boolean;
    /** @param query of the address */
    readonly open: (query: Readonly<Record<string, string>>) => View;
  };
}

/** Shows a run, one view at a time. */
export class RunPage {
  readonly #shown: ShownRun;
  readonly #views: RunViews;
  readonly #main: HTMLElement;
  readonly #title = element('h2');
  readonly #bar = element('progress', { 'aria-label': 'Steps taken' });
  readonly #tabs = element('nav', { class: 'tabs', 'aria-label': 'Views of the run' });
  readonly #frame = oncePerFrame(() => this.#draw());
  #view: View | undefined;
  /** Views that stay, by name. */
  readonly #staying = new Map<string, View>();
  /** What changed since the last frame. */
  #events: (RunEventJson | undefined)[] = [];

  /** @param main the element of the document that it fills */
  constructor(shown: ShownRun, views: RunViews, main: HTMLElement) {
    this.#shown = shown;
    this.#views = views;
    this.#main = main;
  }

  /** Opens a view; the first one for a name that there is not. */
  open(name: string, query: Readonly<Record<string, string>>): void {
    this.#leaveView();
    const known = Object.hasOwn(this.#views, name) ? name : '';
    const { id } = this.#shown.run;
    const links = Object.entries(this.#views).map(([view, { title }]) => {
      const current = view === known ? { 'aria-current': 'page' } : undefined;
      return element('a', { href: linkTo({ run: id, view }), ...current }, title);
    });
    this.#tabs.replaceChildren(...(links.length > 1 ? links : []));
    const view = this.#staying.get(known) ?? this.#views[known]?.open(query);
    if (view === undefined) return;
    if (this.#views[known]?.stays === true) this.#staying.set(known, view);
    this.#view = view;
    this.#events = [undefined];
    this.#main.replaceChildren(this.#title, this.#bar, this.#tabs, view.element);
    document.title = `gapo: ${id}`;
    this.#frame.ask();
  }

  /** Draws what has changed, once per frame. */
  changed(event?: RunEventJson): void {
    this.#events.push(event);
    this.#frame.ask();
  }

  leave(): void {
    this.#frame.cancel();
    this.#leaveView();
    for (const view of this.#staying.values()) view.leave();
  }

  #leaveView(): void {
    if (this.#view !== undefined && ![...this.#staying.values()].includes(this.#view)) this.#view.leave();
  }

  #draw(): void {
    const { run, state, reason, last } = this.#shown;
    const step = last?.step ?? run.step;
    this.#title.replaceChildren(`${run.id} `, stateBadge(state), reason === '' ? '' : ` ${reason}`);
    this.#bar.max = Math.max(run.totalSteps, 1);
    this.#bar.value = step;
    // Each step is one of its own to a view; other events are drawn once.
    const steps = this.#events.filter((event) => event?.step);
    this.#events = [];
    for (const event of steps.length === 0 ? [undefined] : steps) this.#view?.draw(event);
    // For tests, and for scripts that read the page.
    this.#main.dataset['step'] = String(step);
    this.#main.dataset['state'] = stateWord(state);
  }
}
