/** Why a step took its direction: the certificate in words, each objective's part, the Gram matrix, conflicts over the steps. */
import type { RunEventJson } from '@gapo/rpc/json';
import { replaceQuery } from '#page/address.js';
import type { StepDetail, StepWhy } from '#page/data.js';
import { element, fixed, significant, unknown } from '#page/format.js';
import { cosineColour, HeatMap } from '#page/heatMap.js';
import type { ShownRun } from '#page/liveRun.js';
import { append, columnsOf, type Series } from '#page/series.js';
import { table, type Column } from '#page/tables.js';
import { messageOf, problemText, type View } from '#page/view.js';

/** Where the view's data come from. */
export interface WhySource {
  /** Returns a step. */
  readonly step: (step: number) => Promise<StepDetail>;
  /** Returns the cosines over all steps. */
  readonly conflicts: () => Promise<Series>;
}

/** Shows one step, or follows the last one. */
export class WhyView implements View {
  readonly element = element('div');
  readonly #shown: ShownRun;
  readonly #source: WhySource;
  readonly #number = element('input', { type: 'number', min: '1', id: 'whyStep' });
  readonly #detail = element('div', { 'aria-live': 'polite' });
  readonly #heat: HeatMap;
  readonly #latest = element('button', { type: 'button' }, 'Latest');
  #conflicts: Series | undefined;
  /** The step that a person chose; undefined to follow the last one. */
  #chosen: number | undefined;
  /** The step that was asked for last. */
  #wanted = 0;
  #inner = false;

  /** @param chosen the step of the address */
  constructor(shown: ShownRun, source: WhySource, chosen: number | undefined) {
    this.#shown = shown;
    this.#source = source;
    this.#chosen = chosen;
    this.#heat = new HeatMap((step) => this.#choose(step));
    const step = (by: number): HTMLElement => {
      const label = by < 0 ? 'Step before' : 'Step after';
      const button = element('button', { type: 'button', 'aria-label': label, title: label }, by < 0 ? '←' : '→');
      button.addEventListener('click', () => this.#choose(this.#wanted + by));
      return button;
    };
    this.#number.addEventListener('change', () => this.#choose(Number(this.#number.value)));
    this.#latest.addEventListener('click', () => this.#choose(undefined));
    const label = element('label', { for: 'whyStep' }, 'Step');
    this.element.append(
      element('div', { class: 'bar' }, label, step(-1), this.#number, step(1), this.#latest),
      this.#detail,
      element('h2', {}, 'Conflicts over the steps'),
      element(
        'p',
        { class: 'quiet' },
        'Cosines between the gradients of each pair of objectives; orange: they conflict, blue: they agree. Choose a column to see its step.',
      ),
      this.#heat.element,
    );
    void this.#loadConflicts();
  }

  draw(event?: RunEventJson): void {
    const { last } = this.#shown;
    if (event?.step && this.#conflicts !== undefined) {
      append(this.#conflicts, event.step.step, columnsOf(event.step, 'conflicts'));
      this.#heat.show(this.#conflicts, this.#wanted);
    }
    const step = this.#chosen ?? last?.step;
    if (step !== undefined && step !== this.#wanted) this.#load(step);
    if (step === undefined) {
      this.#detail.replaceChildren(element('p', { class: 'quiet' }, 'No step has been taken yet.'));
    }
  }

  leave(): void {
    this.#heat.leave();
  }

  async #loadConflicts(): Promise<void> {
    try {
      this.#conflicts = await this.#source.conflicts();
      this.#heat.show(this.#conflicts, this.#wanted);
    } catch (error) {
      this.#heat.element.replaceChildren(problemText(messageOf(error)));
    }
  }

  #choose(step: number | undefined): void {
    const most = this.#shown.last?.step ?? 1;
    this.#chosen = step === undefined ? undefined : Math.min(most, Math.max(1, Math.round(step || 1)));
    replaceQuery({ step: this.#chosen === undefined ? '' : String(this.#chosen) });
    this.draw();
  }

  /** Fetches a step and shows it, unless another one has been asked for since. */
  #load(step: number): void {
    this.#wanted = step;
    this.#number.value = String(step);
    this.#number.max = String(this.#shown.last?.step ?? step);
    this.#latest.disabled = this.#chosen === undefined;
    this.#heat.mark(step);
    this.#source.step(step).then(
      (detail) => {
        if (step === this.#wanted) this.#show(detail);
      },
      (error: unknown) => {
        if (step === this.#wanted) this.#detail.replaceChildren(problemText(messageOf(error)));
      },
    );
  }

  #show({ step, why }: StepDetail): void {
    this.element.dataset['step'] = String(step.step);
    if (why === undefined) {
      const text = `The report of step ${step.step} has no cosines, or values that gradients cannot have: there is no certificate.`;
      this.#detail.replaceChildren(element('p', { class: 'quiet' }, text));
      return;
    }
    this.#detail.replaceChildren(
      certificate(why),
      element('h2', {}, 'Each objective'),
      objectivesOf(why),
      this.#gramSection(why),
    );
  }

  #gramSection(why: StepWhy): HTMLElement {
    const section = element('section', { 'aria-label': 'Gram matrix' });
    const draw = (): void => {
      const name = this.#inner ? 'Show cosines' : 'Show inner products';
      const toggle = element('button', { type: 'button' }, name);
      toggle.addEventListener('click', () => {
        this.#inner = !this.#inner;
        draw();
        section.querySelector('button')?.focus();
      });
      const title = `Gram matrix at step ${why.chosenAt}: ${this.#inner ? 'inner products' : 'cosines'}`;
      const bar = element('div', { class: 'bar' }, element('h2', {}, title), toggle);
      section.replaceChildren(bar, gramTable(why, this.#inner));
    };
    draw();
    return section;
  }
}

function certificate({ text, alternative, hurt, step, chosenAt, length }: StepWhy): HTMLElement {
  const age = step - chosenAt;
  const kept = age === 0 ? '' : ` The weights are those of step ${chosenAt}.`;
  return element(
    'div',
    { class: 'certificate', 'data-hurt': String(hurt.length > 0) },
    element('strong', {}, text),
    element('span', {}, alternative),
    element(
      'span',
      { class: 'quiet' },
      `d = Σ w g, ‖d‖ = ${significant(length)}, before the KL and other regularizers, the clip and the optimiser.${kept}`,
    ),
  );
}

/** The part of each objective. A bar shows its progress for the length of its gradient: the cosine with the direction. */
function objectivesOf({ names, weights, alpha, progress, norms, length, hurt }: StepWhy): HTMLElement {
  const columns: Column[] = [
    ['objective'],
    ['weight', 'number'],
    ['share', 'number'],
    ['gradient norm', 'number'],
    ['progress ⟨g, d⟩', 'number'],
    ['cosine with d', 'number'],
    [''],
  ];
  const rows = names.map((name, i) => {
    const size = (norms[i] ?? 0) * length;
    const cosine = size === 0 ? null : (progress[i] ?? NaN) / size;
    return [
      name,
      significant(weights[i]),
      significant(alpha[i]),
      significant(norms[i]),
      significant(progress[i]),
      fixed(cosine, 3),
      cosineBar(cosine ?? 0, hurt.includes(name)),
    ];
  });
  return table(columns, rows);
}

function cosineBar(cosine: number, isHurt: boolean): HTMLElement {
  const bar = element('span', { class: 'signedBar', 'aria-hidden': 'true' }, element('span'));
  const part = bar.firstElementChild as HTMLElement;
  part.style.width = `${(50 * Math.min(1, Math.abs(cosine))).toFixed(1)}%`;
  part.style.left = cosine < 0 ? `${(50 * (1 - Math.min(1, -cosine))).toFixed(1)}%` : '50%';
  part.style.backgroundColor = cosineColour(cosine < 0 ? -1 : 1);
  return element('span', { class: 'barCell' }, bar, isHurt ? element('span', { class: 'problem' }, 'hurt') : '');
}

function gramTable({ names, gram, cosines }: StepWhy, inner: boolean): HTMLElement {
  const head = element('tr', {}, element('th'), ...names.map((name) => element('th', { scope: 'col' }, name)));
  const rows = names.map((name, i) => {
    const cells = names.map((_, j) => {
      const cosine = cosines[i]?.[j] ?? null;
      const text = inner ? significant(gram[i]?.[j]) : cosine === null ? unknown : fixed(cosine, 2);
      const cell = element('td', { class: 'number' }, text);
      // Weak enough for the text on it.
      if (cosine !== null) cell.style.backgroundColor = cosineColour(cosine, 0.5);
      return cell;
    });
    return element('tr', {}, element('th', { scope: 'row' }, name), ...cells);
  });
  const made = element('table', { class: 'gram' }, element('thead', {}, head), element('tbody', {}, ...rows));
  return element('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Gram matrix' }, made);
}
