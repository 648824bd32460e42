/** Completions as elements. What models and services wrote is text, whatever it looks like. */
import type { SampleJson, SampleScoreJson } from '@gapo/rpc/json';
import { linkTo } from '#page/address.js';
import { element, fixed, signed, significant, type Content } from '#page/format.js';
import { tokenList } from '#page/tokens.js';
import { messageOf, problemText } from '#page/view.js';

/** Characters that are shown of a text before a person asks for all of it. */
const shownAtFirst = 600;

/** Fetches a completion with its tokens. */
export type FetchTokens = (sample: SampleJson) => Promise<SampleJson>;

/** Makes the sections of prompts, each with its completions, in the order in which they come. */
export function promptSections(run: string, samples: readonly SampleJson[], fetch: FetchTokens): HTMLElement[] {
  return grouped(samples, ({ promptId }) => promptId).map((group) => {
    const [{ promptId = '', promptText = '' } = {}] = group;
    const link = linkTo({ run, view: 'samples', query: { prompt: promptId } });
    return element(
      'section',
      { class: 'prompt', 'aria-label': `Prompt ${promptId}` },
      element(
        'div',
        { class: 'bar' },
        promptHead(promptText),
        element('a', { href: link }, 'This prompt over the steps'),
      ),
      element('div', { class: 'sampleGrid' }, ...group.map((sample) => sampleCard(sample, fetch))),
    );
  });
}

/** Makes a column for each step of a run, with the completions of one prompt. */
export function stepColumns(run: string, samples: readonly SampleJson[], fetch: FetchTokens): HTMLElement {
  const columns = grouped(samples, ({ step }) => String(step)).map((group) => {
    const step = String(group[0]?.step ?? '');
    const link = element('a', { href: linkTo({ run, view: 'samples', query: { step } }) }, `Step ${step}`);
    return element(
      'section',
      { 'aria-label': `Step ${step}` },
      element('h3', {}, link),
      ...group.map((sample) => sampleCard(sample, fetch)),
    );
  });
  const label = `Completions of the prompt in ${run}, a column for each step`;
  // A keyboard scrolls what has the focus.
  const scroll = { class: 'stepColumns', tabindex: '0', role: 'region', 'aria-label': label };
  return element('div', scroll, ...columns);
}

/** Puts completions that follow each other and have the same key into one group. */
function grouped(samples: readonly SampleJson[], keyOf: (sample: SampleJson) => string): SampleJson[][] {
  const groups: SampleJson[][] = [];
  for (const sample of samples) {
    const last = groups.at(-1);
    if (last?.[0] !== undefined && keyOf(last[0]) === keyOf(sample)) last.push(sample);
    else groups.push([sample]);
  }
  return groups;
}

/** Makes the text of a prompt. */
export function promptHead(text: string): HTMLElement {
  return element('blockquote', {}, ...longText(text));
}

function sampleCard(sample: SampleJson, fetch: FetchTokens): HTMLElement {
  const { tokens, finished, cut, logprob, scores, advantage, completion } = sample;
  const facts = [
    `${tokens} tokens`,
    ...(logprob === null || tokens === 0 ? [] : [`${significant(logprob / tokens)} log-probability per token`]),
    ...(advantage === undefined ? [] : [`advantage ${signed(advantage)}`]),
    ...(cut ? ['text cut'] : []),
  ];
  const state = finished ? [] : [element('span', { class: 'problem' }, ', unfinished')];
  const content = completion === '' ? [element('span', { class: 'quiet' }, '(empty)')] : longText(completion);
  const text = element('div', { class: 'sampleText' }, ...content);
  return element(
    'article',
    { class: 'sample', 'aria-label': `Completion ${sample.sample + 1}` },
    text,
    ...(tokens === 0 ? [] : [tokensOnDemand(sample, fetch, text)]),
    element('ul', { class: 'scores', 'aria-label': 'Scores' }, ...scores.map(scoreItem)),
    element('div', { class: 'quiet' }, facts.join(', '), ...state),
  );
}

/** A button that puts the tokens in the place of the text. */
function tokensOnDemand(sample: SampleJson, fetch: FetchTokens, text: HTMLElement): HTMLElement {
  const ask = element('button', { type: 'button' }, 'Token by token');
  ask.addEventListener('click', () => {
    ask.disabled = true;
    void fetch(sample).then(
      (found) => {
        text.replaceChildren(tokenList(found));
        ask.remove();
      },
      (error: unknown) => ask.replaceWith(problemText(messageOf(error))),
    );
  });
  return ask;
}

function scoreItem({ objective, score, failure, advantage }: SampleScoreJson): HTMLElement {
  const shown = score === undefined ? element('span', { class: 'problem' }, `no score: ${failure}`) : fixed(score, 3);
  const rounded = Number(fixed(advantage, 2));
  const sign = rounded > 0 ? 'up' : rounded < 0 ? 'down' : 'none';
  const gain =
    advantage === undefined
      ? []
      : [element('span', { class: 'advantage', 'data-sign': sign, title: 'advantage' }, signed(advantage))];
  return element('li', {}, element('span', { class: 'quiet' }, objective), ' ', shown, ' ', ...gain);
}

/** A text, of which a person sees the begin first where it is long. */
function longText(text: string): Content[] {
  if (text.length <= shownAtFirst) return [text];
  const begin = element('span', {}, `${text.slice(0, shownAtFirst)}… `);
  const all = element('button', { type: 'button' }, `Show all ${text.length} characters`);
  all.addEventListener('click', () => {
    begin.textContent = text;
    all.remove();
  });
  return [begin, all];
}
