/** The completions of one prompt in another run, below those of the run that is shown. */
import type { RunJson, SampleJson } from '@gapo/rpc/json';
import { element } from '#page/format.js';
import { stepColumns, type FetchTokens } from '#page/sampleCards.js';
import { messageOf, problemText } from '#page/view.js';

/** Where its runs and completions come from. */
export interface BesideSource {
  readonly runs: () => Promise<readonly RunJson[]>;
  /** The completions of a prompt in a run. */
  readonly samples: (run: string, prompt: string) => Promise<readonly SampleJson[]>;
  readonly tokens: (run: string) => FetchTokens;
}

/** What is shown first. */
export interface BesideStart {
  /** The run that is shown above. */
  readonly run: string;
  readonly prompt: string;
  /** The other run; empty for none. */
  readonly chosen: string;
}

/** Lets a person choose another run, and shows its completions of the prompt. */
export class BesideRun {
  readonly element = element('section', { class: 'beside', 'aria-label': 'Another run' });
  readonly #source: BesideSource;
  readonly #prompt: string;
  readonly #choice = element('select', { id: 'besideRun' });
  readonly #columns = element('div', {});
  /** Counts choices: the answer of an earlier one comes too late. */
  #asked = 0;

  /** @param onChoice observes what a person chooses */
  constructor(source: BesideSource, { run, prompt, chosen }: BesideStart, onChoice: (run: string) => void) {
    this.#source = source;
    this.#prompt = prompt;
    const label = element('label', { for: 'besideRun' }, 'The same prompt in');
    this.element.append(element('div', { class: 'bar' }, label, this.#choice), this.#columns);
    this.#offer(chosen === '' ? [] : [chosen], chosen);
    this.#choice.addEventListener('change', () => {
      onChoice(this.#choice.value);
      this.#show(this.#choice.value);
    });
    source.runs().then(
      (runs) => {
        const others = runs.map(({ id }) => id).filter((id) => id !== run);
        this.#offer(chosen === '' || others.includes(chosen) ? others : [chosen, ...others], this.#choice.value);
      },
      (error: unknown) => this.#columns.replaceChildren(problemText(messageOf(error))),
    );
    this.#show(chosen);
  }

  #offer(runs: readonly string[], chosen: string): void {
    const options = runs.map((id) => element('option', { value: id }, id));
    this.#choice.replaceChildren(element('option', { value: '' }, 'no other run'), ...options);
    this.#choice.value = chosen;
  }

  #show(run: string): void {
    const mine = ++this.#asked;
    this.#columns.replaceChildren();
    if (run === '') return;
    void this.#source.samples(run, this.#prompt).then(
      (samples) =>
        mine === this.#asked && this.#columns.replaceChildren(stepColumns(run, samples, this.#source.tokens(run))),
      (error: unknown) => mine === this.#asked && this.#columns.replaceChildren(problemText(messageOf(error))),
    );
  }
}
