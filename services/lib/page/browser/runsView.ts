/** The runs: a list that a person searches and filters, and of which some can be compared. */
import type { RunJson } from '@gapo/rpc/json';
import { stateWord } from '@gapo/rpc/runState';
import { linkTo, replaceQuery } from '#page/address.js';
import { element, unknown } from '#page/format.js';
import { rewardsText, stateBadge, table } from '#page/tables.js';

/** How often the list is refreshed. */
const refreshMs = 5000;

/** Maximum number of runs to compare: more lines cannot be told apart. */
export const mostCompared = 4;

/** What a person looks for. */
export interface RunFilter {
  /** A part of the id, the method, a tag, or the name of an objective. */
  readonly search: string;
  readonly method: string;
  /** A word such as `running`. */
  readonly state: string;
}

/** Returns the runs that fit. */
export function fitting(runs: readonly RunJson[], { search, method, state }: RunFilter): readonly RunJson[] {
  const text = search.trim().toLowerCase();
  return runs.filter(
    (run) =>
      (method === '' || run.method === method) &&
      (state === '' || stateWord(run.state) === state) &&
      [run.id, run.method, ...run.tags, ...run.objectives].some((part) => part.toLowerCase().includes(text)),
  );
}

/** Shows the runs. */
export class RunsView {
  readonly element = element('div');
  readonly #fetch: () => Promise<readonly RunJson[]>;
  readonly #search = element('input', { type: 'search', placeholder: 'Search', 'aria-label': 'Search in runs' });
  readonly #method = element('select', { 'aria-label': 'Method' });
  readonly #state = element('select', { 'aria-label': 'State' });
  readonly #compare = element('span');
  readonly #list = element('div');
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #chosen = new Set<string>();
  #filter: RunFilter;
  #runs: readonly RunJson[] = [];

  /**
   * @param query of the address
   * @param failed receives the error of a refresh
   */
  constructor(
    fetch: () => Promise<readonly RunJson[]>,
    query: Readonly<Record<string, string>>,
    failed: (error: unknown) => void,
  ) {
    this.#fetch = fetch;
    const { search = '', method = '', state = '' } = query;
    this.#filter = { search, method, state };
    this.#search.value = search;
    this.#search.addEventListener('input', () => this.#set({ search: this.#search.value }));
    this.#method.addEventListener('change', () => this.#set({ method: this.#method.value }));
    this.#state.addEventListener('change', () => this.#set({ state: this.#state.value }));
    const bar = element('div', { class: 'bar' }, this.#search, this.#method, this.#state, this.#compare);
    this.element.append(bar, this.#list);
    this.#timer = setInterval(() => void this.load().catch(failed), refreshMs);
  }

  /** Fetches the runs and shows them. @throws as the function that fetches */
  async load(): Promise<void> {
    this.#runs = await this.#fetch();
    this.#draw();
  }

  leave(): void {
    clearInterval(this.#timer);
  }

  #set(changed: Partial<RunFilter>): void {
    this.#filter = { ...this.#filter, ...changed };
    replaceQuery({ ...this.#filter });
    this.#draw();
  }

  #draw(): void {
    const { method, state } = this.#filter;
    drawOptions(this.#method, 'every method', this.#runs.map((run) => run.method), method); // prettier-ignore
    drawOptions(this.#state, 'every state', this.#runs.map((run) => stateWord(run.state)), state); // prettier-ignore
    this.#drawCompare();
    // A refresh leaves the focus where it is.
    const focused = document.activeElement instanceof HTMLInputElement ? document.activeElement.value : '';
    const inList = this.#list.contains(document.activeElement);
    this.#list.replaceChildren(this.#content());
    if (inList) this.#list.querySelector<HTMLInputElement>(`input[value="${CSS.escape(focused)}"]`)?.focus();
  }

  #content(): HTMLElement {
    if (this.#runs.length === 0) {
      return element('p', { class: 'quiet' }, 'No runs yet. Create one: ', element('code', {}, 'gapo train run.yaml'));
    }
    const runs = fitting(this.#runs, this.#filter);
    if (runs.length === 0) return element('p', { class: 'quiet' }, `None of the ${this.#runs.length} runs matches.`);
    const rows = runs.map((run) => [
      this.#box(run.id),
      element(
        'div',
        {},
        element('a', { href: linkTo({ run: run.id }) }, run.id),
        element('div', {}, ...run.tags.map((tag) => this.#tag(tag))),
      ),
      stateBadge(run.state),
      `${run.step}/${run.totalSteps}`,
      run.method,
      rewardsText(run),
      run.created === undefined ? unknown : new Date(run.created).toLocaleString(),
    ]);
    return table([[''], ['run'], ['state'], ['step', 'number'], ['method'], ['mean rewards'], ['created']], rows);
  }

  /** A button that searches for the tag. */
  #tag(tag: string): HTMLElement {
    const button = element('button', { type: 'button', class: 'tag', title: `Runs tagged ${tag}` }, tag);
    button.addEventListener('click', () => {
      this.#search.value = tag;
      this.#set({ search: tag });
    });
    return button;
  }

  #box(id: string): HTMLElement {
    const box = element('input', { type: 'checkbox', value: id, 'aria-label': `Compare ${id}` });
    box.checked = this.#chosen.has(id);
    box.disabled = !box.checked && this.#chosen.size >= mostCompared;
    box.addEventListener('change', () => {
      if (box.checked) this.#chosen.add(id);
      else this.#chosen.delete(id);
      this.#draw();
    });
    return box;
  }

  #drawCompare(): void {
    const ids = [...this.#chosen];
    const link = linkTo({ view: 'compare', query: { runs: ids.join(',') } });
    this.#compare.replaceChildren(
      ids.length > 1
        ? element('a', { href: link }, `Compare ${ids.length} runs`)
        : element('span', { class: 'quiet' }, 'Check two runs to compare them.'),
    );
  }
}

function drawOptions(select: HTMLSelectElement, all: string, found: readonly string[], chosen: string): void {
  const values = [...new Set([...found, ...(chosen === '' ? [] : [chosen])])].sort();
  const options = [
    element('option', { value: '' }, all),
    ...values.map((value) => element('option', { value }, value)),
  ];
  const drawn = [...select.options].map(({ value }) => value).join('\n');
  if (drawn !== ['', ...values].join('\n')) select.replaceChildren(...options);
  select.value = chosen;
}
