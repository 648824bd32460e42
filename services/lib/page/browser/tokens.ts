/** A completion token by token: how likely each was, and what it was worth where each has an advantage of its own. */
import type { SampleJson, SampleTokenJson } from '@gapo/rpc/json';
import { element, percent, significant, signed } from '#page/format.js';

/**
 * Shows the tokens of a completion, shaded by how unlikely each was. The numbers of one are below: that under the pointer, or that
 * which the arrow keys have reached.
 *
 * @param sample with its tokens
 */
export function tokenList({ tokenList: tokens, tokens: count, scores }: SampleJson): HTMLElement {
  if (tokens.length === 0) {
    const why = count === 0 ? 'The completion has no tokens.' : 'The tokens of this step were not kept.';
    return element('p', { class: 'quiet' }, why);
  }
  const names = scores.map(({ objective }) => objective);
  const id = `tokens-${++lists}`;
  const options = tokens.map((token, i) => tokenOption(`${id}-${i}`, token));
  const list = element('div', { class: 'tokens', role: 'listbox', tabindex: '0', 'aria-label': 'Tokens' }, ...options);
  const facts = element('div', { class: 'quiet tokenFacts', role: 'status' });
  let active = 0;
  const choose = (next: number): void => {
    const [before, now, token] = [options[active], options[next], tokens[next]];
    if (now === undefined || token === undefined) return;
    before?.setAttribute('aria-selected', 'false');
    now.setAttribute('aria-selected', 'true');
    list.setAttribute('aria-activedescendant', now.id);
    facts.textContent = `Token ${next + 1} of ${count}: ${factsOf(token, names)}`;
    active = next;
  };
  list.addEventListener('keydown', (event) => {
    const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    choose(active + step);
  });
  for (const kind of ['pointerover', 'click'] as const) {
    list.addEventListener(kind, ({ target }) => {
      if (target instanceof HTMLElement) choose(options.indexOf(target));
    });
  }
  const left = count - tokens.length;
  const cut = left > 0 ? [element('p', { class: 'quiet' }, `${left} further tokens are not kept.`)] : [];
  choose(0);
  return element('div', {}, list, ...cut, facts);
}

/** Number of lists made, for ids. */
let lists = 0;

function tokenOption(id: string, { text, logprob }: SampleTokenJson): HTMLElement {
  const option = element('span', { id, role: 'option', 'aria-selected': 'false' }, text === '' ? '∅' : text);
  option.style.setProperty('--unlikely', `${Math.round(100 * (1 - Math.exp(logprob ?? 0)))}%`);
  return option;
}

/** @param names of the objectives, which a token's advantages follow unless it has one of all */
function factsOf({ text, logprob, advantages }: SampleTokenJson, names: readonly string[]): string {
  const share = logprob === null ? null : Math.exp(logprob);
  const each = advantages.map((advantage, k) =>
    advantages.length === names.length ? `${names[k]} ${signed(advantage)}` : signed(advantage),
  );
  const worth = each.length === 0 ? '' : `, advantage ${each.join(', ')}`;
  return `${JSON.stringify(text)}, log-probability ${significant(logprob)} (${percent(share)})${worth}`;
}
