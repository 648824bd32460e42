/** Completions as text: model output is shown without control characters, which could change the terminal. */
import { quotedText, type ListSamplesResponse, type Sample, type SampleScore, type SampleToken } from '@gapo/rpc';
import { count, fixed, signed } from './numbers.js';
import { hasNumbers, numbersText } from './preference.js';
import { table } from './table.js';
import { oneLine } from './width.js';

/**
 * Formats a page of completions. Consecutive completions of a prompt show it once.
 *
 * @param withTokens whether each completion is followed by its tokens
 */
export function samplesText(
  runId: string,
  { samples, step, steps, version, sampled, kept, total }: ListSamplesResponse,
  withTokens = false,
): string {
  if (steps.length === 0) return `${runId}: no completions are kept yet, or samples is off in its configuration`;
  const head =
    step === undefined
      ? `${runId}: ${total} completions of one prompt`
      : `${runId}, step ${step}, sampled by version ${version ?? 0}: ${kept ?? 0} of ${count(sampled)} completions are kept, ${total} match`;
  const blocks = samples.map((sample, i) => {
    const before = samples[i - 1];
    const isNew = before?.promptId !== sample.promptId;
    const prompt = isNew ? `\n${sample.promptId}  ${oneLine(sample.promptText)}\n` : '';
    return prompt + sampleText(sample, step === undefined) + (withTokens ? `\n${tokensText(sample)}` : '');
  });
  return [head, ...blocks].join('\n');
}

function sampleText(sample: Sample, withStep: boolean): string {
  const { step, tokens, finished, cut, scores, advantage, completion, preference } = sample;
  const facts = [
    ...(withStep ? [`step ${step}`] : []),
    ...scores.map(scoreText),
    ...(advantage === undefined ? [] : [`advantage ${signed(advantage, 2)}`]),
    ...(hasNumbers(preference) ? [`preference ${numbersText(preference)}`] : []),
    `${tokens} tokens`,
    ...(finished ? [] : ['unfinished']),
    ...(cut ? ['text cut'] : []),
  ];
  return `  ${facts.join(', ')}\n    ${oneLine(completion) || '(empty)'}`;
}

/** A line for each token: its log-probability, its advantages, its text. */
function tokensText({ tokenList, scores }: Sample): string {
  if (tokenList.length === 0) return '    the tokens of this step were not kept';
  const names = scores.map(({ objective }) => objective);
  const [{ advantages: first }] = tokenList as [SampleToken];
  const columns = first.length === names.length ? names : first.map(() => 'advantage');
  const made = table(
    ['log-probability', ...columns, 'token'],
    tokenList.map(({ text, logprob, advantages }) => [
      fixed(logprob, 3),
      ...advantages.map((advantage) => signed(advantage, 3)),
      quotedText(text),
    ]),
  );
  return made.replace(/^/gm, '    ');
}

function scoreText({ objective, score, failure, advantage }: SampleScore): string {
  const shown = score === undefined ? `no score: ${oneLine(failure)}` : fixed(score, 3);
  return `${objective} ${shown}${advantage === undefined ? '' : ` (${signed(advantage, 2)})`}`;
}
