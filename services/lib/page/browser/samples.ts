/** The completions that a run keeps: those of a step, by scores and conflicts, and those of one prompt over the steps and in another run. */
import type { ListSamplesResponseJson, RunEventJson, RunJson, SampleJson } from '@gapo/rpc/json';
import { linkTo, replaceQuery } from '#page/address.js';
import { BesideRun } from '#page/besideRun.js';
import { element, type Content } from '#page/format.js';
import type { ShownRun } from '#page/liveRun.js';
import { promptHead, promptSections, stepColumns, type FetchTokens } from '#page/sampleCards.js';
import { messageOf, problemText, type View } from '#page/view.js';

/** Settings of the view, as its address and the gateway have them. */
export type SampleSettings = Readonly<Record<string, string>>;

/** Where completions come from. */
export interface SampleSource {
  /** A page of those that a run keeps. */
  readonly page: (run: string, settings: SampleSettings) => Promise<ListSamplesResponseJson>;
  readonly tokens: (run: string) => FetchTokens;
  readonly runs: () => Promise<readonly RunJson[]>;
}

/** The settings that the view has: parameters of the gateway's API, and `beside`, another run in which the prompt is shown too. */
const names = ['step', 'prompt', 'order', 'objective', 'unfinished', 'search', 'beside'] as const;

/** Completions of another run's page. */
const largestPage = 100;

/** Waits for a person who types, in milliseconds. */
const typingMs = 250;

/** Shows completions. */
export class SamplesView implements View {
  readonly element = element('div', { class: 'samplesView' });
  readonly #shown: ShownRun;
  readonly #source: SampleSource;
  #settings: SampleSettings;
  readonly #step = element('select', { id: 'sampleStep' });
  readonly #before = stepButton('Kept step before', '←');
  readonly #after = stepButton('Kept step after', '→');
  readonly #newest = element('button', { type: 'button' }, 'Newest');
  readonly #order = element('select', { id: 'sampleOrder' });
  readonly #unfinished = element('input', { type: 'checkbox', id: 'sampleUnfinished' });
  readonly #search = element('input', { type: 'search', id: 'sampleSearch', maxlength: '200', placeholder: 'Search' });
  readonly #status = element('p', { class: 'quiet', role: 'status' });
  readonly #list = element('div', {});
  readonly #more = element('button', { type: 'button' }, 'More');
  #objectives: readonly string[];
  #samples: SampleJson[] = [];
  #next = '';
  #kept: readonly number[] = [];
  /** Counts requests: the answer of an earlier one comes too late. */
  #asked = 0;
  #typing: ReturnType<typeof setTimeout> | undefined;

  /** @param query of the address */
  constructor(shown: ShownRun, source: SampleSource, query: SampleSettings) {
    this.#shown = shown;
    this.#source = source;
    this.#objectives = shown.run.objectives;
    this.#settings = settingsIn(query);
    this.#search.value = this.#settings['search'] ?? '';
    this.#unfinished.checked = this.#settings['unfinished'] === 'true';
    this.#drawOrders();
    this.#listen();
    this.element.append(this.#controls(), this.#status, this.#list, this.#more, ...this.#beside());
    this.#load();
  }

  draw(event?: RunEventJson): void {
    // What a person reads stays; only a first step appears by itself.
    if (event?.step && this.#kept.length === 0) this.#load();
    else if (event?.step) this.#newest.disabled = false;
  }

  leave(): void {
    clearTimeout(this.#typing);
    this.#asked++;
  }

  #controls(): HTMLElement {
    const ofStep = [
      element('label', { for: 'sampleStep' }, 'Step'),
      ...[this.#before, this.#step, this.#after, this.#newest],
    ];
    const back = element('a', { href: linkTo({ run: this.#shown.run.id, view: 'samples' }) }, 'All prompts of a step');
    return element(
      'div',
      { class: 'bar' },
      ...(this.#settings['prompt'] === undefined ? ofStep : [back]),
      element('label', { for: 'sampleOrder' }, 'Order'),
      this.#order,
      element('label', { class: 'check' }, this.#unfinished, ' unfinished only'),
      element('label', { for: 'sampleSearch', class: 'hidden' }, 'Search in prompts and completions'),
      this.#search,
    );
  }

  #beside(): HTMLElement[] {
    const { prompt, beside = '' } = this.#settings;
    if (prompt === undefined) return [];
    const { page, ...rest } = this.#source;
    const size = String(largestPage);
    const source = {
      ...rest,
      samples: async (run: string, of: string) => (await page(run, { prompt: of, size })).samples,
    };
    const chosen = { run: this.#shown.run.id, prompt, chosen: beside };
    const onChoice = (run: string): void => {
      this.#settings = settingsIn({ ...this.#settings, beside: run });
      replaceQuery(this.#settings);
    };
    return [new BesideRun(source, chosen, onChoice).element];
  }

  #listen(): void {
    this.#step.addEventListener('change', () => this.#set({ step: this.#step.value }));
    this.#before.addEventListener('click', () => this.#move(-1));
    this.#after.addEventListener('click', () => this.#move(1));
    this.#newest.addEventListener('click', () => this.#set({ step: '' }));
    this.#order.addEventListener('change', () => {
      const [order = '', objective = ''] = this.#order.value.split('\n');
      this.#set({ order, objective });
    });
    this.#unfinished.addEventListener('change', () => {
      this.#set({ unfinished: this.#unfinished.checked ? 'true' : '' });
    });
    this.#search.addEventListener('input', () => {
      clearTimeout(this.#typing);
      this.#typing = setTimeout(() => this.#set({ search: this.#search.value }), typingMs);
    });
    this.#more.addEventListener('click', () => this.#load(this.#next));
  }

  #move(by: number): void {
    const place = this.#kept.indexOf(Number(this.#step.value)) + by;
    const step = this.#kept[place];
    if (step !== undefined) this.#set({ step: String(step) });
  }

  #set(changed: Readonly<Record<string, string>>): void {
    this.#settings = settingsIn({ ...this.#settings, ...changed });
    replaceQuery(this.#settings);
    this.#load();
  }

  /** @param page that follows those that are shown; empty: the first, in their place */
  #load(page = ''): void {
    const mine = ++this.#asked;
    this.#list.setAttribute('aria-busy', 'true');
    // Further pages are of the step that is shown, whatever is newer by now.
    const step = page === '' || this.#settings['prompt'] !== undefined ? {} : { step: this.#step.value };
    const { beside: _, ...settings } = this.#settings;
    void this.#source
      .page(this.#shown.run.id, { ...settings, ...step, ...(page !== '' && { page }) })
      .then(
        (answer) => mine === this.#asked && this.#show(answer, page !== ''),
        (error: unknown) => mine === this.#asked && this.#fail(messageOf(error)),
      )
      .finally(() => mine === this.#asked && this.#list.removeAttribute('aria-busy'));
  }

  #fail(message: string): void {
    this.#status.textContent = '';
    this.#list.replaceChildren(problemText(message));
    this.#more.hidden = true;
  }

  #show(answer: ListSamplesResponseJson, isMore: boolean): void {
    const { samples, nextPageToken, steps, step, total } = answer;
    this.#samples = isMore ? [...this.#samples, ...samples] : samples;
    this.#next = nextPageToken;
    this.#kept = steps;
    this.#more.hidden = nextPageToken === '';
    this.#more.textContent = `More (${this.#samples.length} of ${total} are shown)`;
    const found = samples[0]?.scores.map(({ objective }) => objective);
    if (found !== undefined && found.join('\n') !== this.#objectives.join('\n')) {
      this.#objectives = found;
      this.#drawOrders();
    }
    this.#drawSteps(step);
    this.#status.textContent = statusOf(answer);
    this.#list.replaceChildren(...this.#content(steps.length === 0));
    this.element.dataset['shown'] = String(this.#samples.length);
  }

  #content(keepsNone: boolean): Content[] {
    const { id } = this.#shown.run;
    if (keepsNone) {
      const why = 'No completions are kept yet. A run keeps those of its steps unless it is configured with ';
      return [element('p', { class: 'quiet' }, why, element('code', {}, 'samples: off'), ', or trains on pairs.')];
    }
    if (this.#samples.length === 0) return [element('p', { class: 'quiet' }, 'None fits.')];
    const tokens = this.#source.tokens(id);
    if (this.#settings['prompt'] === undefined) return promptSections(id, this.#samples, tokens);
    return [promptHead(this.#samples[0]?.promptText ?? ''), stepColumns(id, this.#samples, tokens)];
  }

  #drawSteps(step: number | undefined): void {
    const options = [...this.#kept].reverse().map((kept) => element('option', { value: String(kept) }, String(kept)));
    this.#step.replaceChildren(...options);
    if (step === undefined) return;
    this.#step.value = String(step);
    this.#before.disabled = step === this.#kept[0];
    this.#after.disabled = step === this.#kept.at(-1);
    this.#newest.disabled = this.#settings['step'] === undefined;
    this.element.dataset['step'] = String(step);
  }

  #drawOrders(): void {
    const { order = 'sampled', objective = '' } = this.#settings;
    const option = (value: string, text: string): HTMLElement => element('option', { value }, text);
    const isKnown = objective === '' || this.#objectives.includes(objective);
    this.#order.replaceChildren(
      option('', 'as sampled'),
      ...[...this.#objectives, ...(isKnown ? [] : [objective])].map((name) =>
        option(`worst\n${name}`, `lowest ${name} first`),
      ),
      option('conflict', 'largest conflict first'),
      option('longest', 'longest first'),
    );
    this.#order.value = order === 'sampled' ? '' : objective === '' ? order : `${order}\n${objective}`;
  }
}

/** Returns the settings that are set, in their order. */
function settingsIn(query: SampleSettings): SampleSettings {
  return Object.fromEntries(names.flatMap((name) => (query[name] ? [[name, query[name]]] : [])));
}

function stepButton(label: string, text: string): HTMLButtonElement {
  return element('button', { type: 'button', 'aria-label': label, title: label }, text);
}

function statusOf({ step, steps, version, sampled, kept, total }: ListSamplesResponseJson): string {
  if (steps.length === 0) return '';
  if (step === undefined) return `${total} completions of this prompt in the ${steps.length} steps that are kept.`;
  const fit = kept === total ? '' : ` ${total} of them match.`;
  return `Sampled by version ${version ?? 0}: ${kept ?? 0} of ${sampled ?? 0} completions are kept.${fit}`;
}
