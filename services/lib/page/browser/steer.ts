/** Steering a run: pause, resume and cancel it, change its preference and its objectives, and undo the last change. */
import { isActive } from '@gapo/rpc/runState';
import { conditionedDial } from '#page/conditionedDial.js';
import { changeObjectives, control, fetchAudit, fetchCaller, prefer, type Caller } from '#page/control.js';
import type { AuditRow } from '#page/data.js';
import { Dial } from '#page/dial.js';
import { ask } from '#page/dialog.js';
import { fetchKnown, isConditioned, landingText } from '#page/estimate.js';
import { element, numbersText } from '#page/format.js';
import type { LiveRun } from '#page/liveRun.js';
import { sharesIn, withShare, type Known } from '#page/simplex.js';
import { messageOf, problemText, type View } from '#page/view.js';

/** A verb of a run: when it can be used, and what it does. */
const verbs = [
  {
    verb: 'pause',
    title: 'Pause',
    text: 'The run stops after the step in progress. It can be resumed, and continues bit for bit.',
    can: (state: string) => isActive(state),
    cannot: 'The run takes no steps.',
  },
  {
    verb: 'resume',
    title: 'Resume',
    text: 'The run continues from its last checkpoint, bit for bit.',
    can: (state: string) => state === 'RUN_STATE_PAUSED' || state === 'RUN_STATE_FAILED',
    cannot: 'Only a paused or failed run can be resumed.',
  },
  {
    verb: 'cancel',
    title: 'Cancel',
    text: 'The run ends, and cannot be resumed. Its checkpoints are kept.',
    can: (state: string) => isActive(state) || state === 'RUN_STATE_PAUSED' || state === 'RUN_STATE_FAILED',
    cannot: 'The run has ended.',
  },
] as const;

/** Shows what a person may change. */
export class SteerView implements View {
  readonly element = element('div');
  readonly #live: LiveRun;
  readonly #buttons = element('div', { class: 'bar' });
  readonly #who = element('p', { class: 'quiet' });
  readonly #preference = element('section', { 'aria-label': 'Preference' });
  readonly #objectives = element('section', { 'aria-label': 'Objectives' });
  readonly #said = element('p', { role: 'status' });
  #caller: Caller | undefined;
  #known: readonly Known[] = [];
  #lastChange: AuditRow | undefined;
  /** The goals and state that are drawn. */
  #drawn = '';

  constructor(live: LiveRun) {
    this.#live = live;
    this.element.append(this.#buttons, this.#who, this.#said, this.#preference, this.#objectives);
    void this.#load();
  }

  draw(): void {
    const { run, state } = this.#live;
    const now = JSON.stringify([run.objectives, run.preference, state]);
    if (now === this.#drawn || this.#caller === undefined) return;
    this.#drawn = now;
    this.#drawButtons(this.#caller);
    this.#drawPreference(this.#caller);
    this.#drawObjectives(this.#caller);
  }

  leave(): void {
    // It holds nothing.
  }

  async #load(): Promise<void> {
    try {
      this.#caller = await fetchCaller();
      const { name, role, why } = this.#caller;
      this.#who.textContent = why === '' ? (name === '' ? '' : `You are ${name} (${role}).`) : `Not allowed: ${why}.`;
      this.draw();
      await this.#loadChange();
      this.#known = await fetchKnown(this.#live.run);
      this.#redraw();
    } catch (error) {
      this.#said.replaceChildren(problemText(messageOf(error)));
    }
  }

  #redraw(): void {
    this.#drawn = '';
    this.draw();
  }

  async #loadChange(): Promise<void> {
    const { entries } = await fetchAudit(this.#live.id);
    this.#lastChange = entries.findLast(({ action }) => action === 'preference');
  }

  /** Makes a change, says what it did, and shows the run as it is then. */
  async #change(change: () => Promise<string>): Promise<void> {
    const said = await change();
    this.#said.textContent = said;
    await this.#live.refresh();
    await this.#loadChange();
    this.#redraw();
  }

  #drawButtons({ mayChange, why }: Caller): void {
    const { id, state } = this.#live;
    const buttons = verbs.map(({ verb, title, text, can, cannot }) => {
      const button = element('button', { type: 'button' }, title);
      const reason = mayChange ? (can(state) ? '' : cannot) : why;
      disable(button, reason);
      button.addEventListener('click', () => {
        const act = (): Promise<void> =>
          this.#change(async () => {
            const { reason: now } = await control(id, verb);
            return now === '' ? `${title}: done.` : now;
          });
        ask({ title: `${title} ${id}?`, text, action: `${title} the run`, act });
      });
      return button;
    });
    this.#buttons.replaceChildren(...buttons);
  }

  #drawPreference({ mayChange, why }: Caller): void {
    const { run, state } = this.#live;
    const { objectives, preference, method, id } = run;
    const head = element('h2', {}, 'Preference');
    if (Object.keys(preference).length === 0) {
      const text = `The method ${method} takes no preference. pgapo does, and linear takes weights.`;
      this.#preference.replaceChildren(head, element('p', { class: 'quiet' }, text));
      return;
    }
    if (isConditioned(run)) return this.#preference.replaceChildren(head, ...conditionedDial(run, this.#known));
    const ended = state === 'RUN_STATE_SUCCEEDED' || state === 'RUN_STATE_CANCELLED';
    const reason = mayChange ? (ended ? 'The run has ended.' : '') : why;
    const now = sharesIn(preference, objectives);
    const landed = element('p', { class: 'quiet' });
    const apply = element('button', { type: 'button', class: 'primary' });
    const reset = element('button', { type: 'button' }, 'Reset');
    const draw = (): void => {
      const moved = dial.shares.some((share, i) => Math.abs(share - (now[i] ?? 0)) > 1e-9);
      apply.textContent = `Apply from step ${this.#nextStep} on`;
      disable(apply, reason === '' && !moved ? 'The dial has not been moved.' : reason);
      disable(reset, reason === '' && !moved ? 'The dial has not been moved.' : reason);
      landed.textContent = landingText(run, dial.shares, this.#known);
    };
    const dial = new Dial(objectives, now, reason === '', draw);
    apply.addEventListener('click', () => {
      const shares = Object.fromEntries(objectives.map((name, i) => [name, rounded(dial.shares[i] ?? 0)]));
      const text = `${numbersText(preference, objectives)} becomes ${numbersText(shares, objectives)}, from step ${this.#nextStep} on.`;
      const act = (): Promise<void> => this.#prefer(shares);
      ask({ title: `Change the preference of ${id}?`, text, action: 'Apply', act });
    });
    reset.addEventListener('click', () => dial.set(now));
    draw();
    this.#preference.replaceChildren(
      head,
      element('p', {}, `In force: ${numbersText(preference, objectives)}.`),
      dial.element,
      landed,
      element('div', { class: 'bar' }, apply, reset, ...this.#undo(reason)),
    );
  }

  /** The first step that a change can apply to: the one after the step in progress. */
  get #nextStep(): number {
    const { run, last, state } = this.#live;
    return (last?.step ?? run.step) + (state === 'RUN_STATE_RUNNING' ? 2 : 1);
  }

  async #prefer(shares: Readonly<Record<string, number>>): Promise<void> {
    await this.#change(async () => {
      const { firstStep, run, author } = await prefer(this.#live.id, shares);
      const { objectives, preference } = run ?? this.#live.run;
      return `${numbersText(preference, objectives)} from step ${firstStep} on, by ${author}.`;
    });
  }

  /** Who made the last change, and a button that undoes it. */
  #undo(reason: string): HTMLElement[] {
    const change = this.#lastChange;
    if (change === undefined) return [];
    const { objectives, id } = this.#live.run;
    const before = numbersIn(change.before['preference']);
    const after = numbersIn(change.after['preference']);
    const undo = element('button', { type: 'button' }, 'Undo');
    const fits =
      objectives.length === Object.keys(before).length && objectives.every((name) => Object.hasOwn(before, name));
    disable(undo, reason === '' && !fits ? 'The objectives have changed since.' : reason);
    undo.addEventListener('click', () => {
      const text = `${numbersText(this.#live.run.preference, objectives)} becomes ${numbersText(before, objectives)} again, from step ${this.#nextStep} on.`;
      ask({ title: `Undo the last change of ${id}?`, text, action: 'Undo', act: () => this.#prefer(before) });
    });
    const when = new Date(change.time).toLocaleString();
    const step = String(change.after['firstStep']);
    const words = `Last change: ${numbersText(after, Object.keys(after))} from step ${step} on, by ${change.by.name}, ${when}.`;
    return [undo, element('span', { class: 'quiet' }, words)];
  }

  #drawObjectives({ mayChange, why }: Caller): void {
    const { run } = this.#live;
    const unchangeable = isConditioned(run)
      ? 'The policy is conditioned on a preference over these objectives (policy.condition).'
      : '';
    const reason = mayChange ? unchangeable : why;
    const items = run.objectives.map((name) => {
      const remove = element('button', { type: 'button', 'aria-label': `Remove ${name}` }, 'Remove');
      disable(remove, reason === '' && run.objectives.length === 1 ? 'A run needs at least one objective.' : reason);
      remove.addEventListener('click', () => this.#remove(name));
      return element('li', {}, element('span', {}, name), remove);
    });
    const add = element('button', { type: 'button' }, 'Add an objective');
    disable(add, reason);
    add.addEventListener('click', () => this.#add());
    this.#objectives.replaceChildren(
      element('h2', {}, 'Objectives'),
      element('ul', { class: 'objectives' }, ...items),
      add,
    );
  }

  #remove(name: string): void {
    const { id, run } = this.#live;
    const act = (): Promise<void> =>
      this.#change(async () => {
        const { firstStep, author } = await changeObjectives(id, { remove: [name] });
        return `${name} is removed from step ${firstStep} on, by ${author}.`;
      });
    const kept = run.objectives.filter((each) => each !== name).join(', ');
    const text = `The run continues with ${kept} from step ${this.#nextStep} on.`;
    ask({ title: `Remove ${name} from ${id}?`, text, action: `Remove ${name}`, act });
  }

  #add(): void {
    const { id, run } = this.#live;
    const steered = Object.keys(run.preference).length > 0;
    const field = (label: string, attributes: Record<string, string>): HTMLInputElement =>
      element('input', { 'aria-label': label, placeholder: label, ...attributes });
    const name = field('Name', { autocomplete: 'off' });
    const service = field('Reward service: host:port, or its name', { autocomplete: 'off' });
    const size = run.objectives.length + 1;
    const share = field('Share', { type: 'number', min: '0', max: '1', step: '0.01', value: (1 / size).toFixed(2) });
    const content = element('div', { class: 'fields' }, name, service, ...(steered ? [share] : []));
    const act = async (): Promise<void> => {
      const added = { name: name.value.trim(), ...(service.value.trim() !== '' && { service: service.value.trim() }) };
      if (added.name === '')
        throw new Error('Name: expected that of the objective, as its reward service describes itself');
      const names = [...run.objectives, added.name];
      const shares = withShare(
        [...run.objectives.map((each) => run.preference[each] ?? 0), 0],
        size - 1,
        Number(share.value),
      );
      const preference = Object.fromEntries(names.map((each, i) => [each, rounded(shares[i] ?? 0)]));
      await this.#change(async () => {
        const { firstStep, author } = await changeObjectives(id, { add: [added], ...(steered && { preference }) });
        return `${added.name} is added from step ${firstStep} on, by ${author}.`;
      });
    };
    const text = `Its reward service is checked first. ${steered ? 'The other objectives keep their proportions.' : ''}`;
    ask({ title: `Add an objective to ${id}`, text, content, action: 'Add', act });
  }
}

/** Disables a button for a reason, which it shows; enables it without one. */
function disable(button: HTMLButtonElement, reason: string): void {
  button.disabled = reason !== '';
  button.title = reason;
}

/** Four digits are enough for a person's wish. */
function rounded(share: number): number {
  return Number(share.toFixed(4));
}

/** Reads numbers by name from an entry of the audit log. */
function numbersIn(value: unknown): Record<string, number> {
  const entries = Object.entries((value ?? {}) as Record<string, unknown>);
  return Object.fromEntries(entries.filter((entry): entry is [string, number] => typeof entry[1] === 'number'));
}
