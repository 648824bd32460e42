/** Checks that an engine's log-probabilities are of softmax(logits / temperature), like the trainer's. */
import { RequestFailure } from '@gapo/http';
import { at } from '@gapo/numeric';

/** Log-probabilities of the most probable next tokens, by the server's name for them. */
export type TopTokens = ReadonlyMap<string, number>;

/** Asks for the most probable tokens after a prompt. */
type AskTop = (promptIds: readonly number[], temperature: number) => Promise<TopTokens>;

/** Prompts to try in turn: after one of them, some token should be more probable than another. */
const prompts: readonly (readonly number[])[] = [[1], [0], [2, 1], [3, 2, 1]];

/** Number of most probable tokens to request. Servers add the sampled one. */
export const topTokens = 10;

/** Differences below this are rounding. */
const smallest = 1e-2;

/**
 * Returns whether log-probabilities are computed after applying the temperature. If so, the difference between two tokens is their
 * difference in logits divided by the temperature; if not, the differences at both temperatures are equal.
 *
 * @returns undefined if no two tokens show it
 */
export function isAfterTemperature(atOne: TopTokens, atTwo: TopTokens): boolean | undefined {
  const common = [...atOne].filter(([token]) => atTwo.has(token)).sort(([, a], [, b]) => b - a);
  const [[first] = [], [second] = []] = [common[0], common.at(-1)];
  if (first === undefined || second === undefined) return undefined;
  const difference = (top: TopTokens): number => (top.get(first) ?? NaN) - (top.get(second) ?? NaN);
  const [one, two] = [difference(atOne), difference(atTwo)];
  if (!(Math.abs(one) > smallest)) return undefined;
  return Math.abs(two - one / 2) < Math.abs(two - one);
}

/**
 * Checks a server at two temperatures.
 *
 * @param remedy how to start the server instead, such as `with --logprobs-mode processed_logprobs`
 * @throws RequestFailure if its log-probabilities are before the temperature, or this cannot be determined
 */
export async function assertAfterTemperature(server: string, remedy: string, ask: AskTop): Promise<void> {
  for (const promptIds of prompts) {
    const found = isAfterTemperature(await ask(promptIds, 1), await ask(promptIds, 2));
    if (found === true) return;
    if (found === false) {
      throw new RequestFailure(`${server} returns log-probabilities before the temperature; start it ${remedy}`);
    }
  }
  const shown = at(prompts, 0).join(', ');
  throw new RequestFailure(
    `${server} finds all tokens after prompts such as [${shown}] equally probable, so that nothing shows whether it was started ` +
      `${remedy}; check its model`,
  );
}
