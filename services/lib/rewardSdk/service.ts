/** gapo.reward.v1.RewardService over any scorer: checks limits and ids, and returns finite scores only. */
import {
  type Implementation,
  type Item,
  type ResultInput,
  RpcError,
  implement,
  maxReceiveBytes,
  textForms,
} from '@gapo/rpc';
import { attributeNames, spanNames, withSpan } from '@gapo/tracing';
import type { Outcome, Scorer, TextForm } from './scorer.js';

/** The most items of a Score call; DescribeResponse.max_batch. */
export const maxBatch = 256;

const orientations = {
  higher_is_better: 'ORIENTATION_HIGHER_IS_BETTER',
  lower_is_better: 'ORIENTATION_LOWER_IS_BETTER',
} as const;

/**
 * Implements the service with one scorer.
 *
 * @param textForm the form of text to ask for, in place of the scorer's
 */
export function rewardService(scorer: Scorer, textForm?: TextForm): Implementation {
  return implement('gapo.reward.v1.RewardService', {
    async Describe() {
      const { objective, model, version, orientation, minimum, maximum, threshold, maxTokens } = scorer.description;
      return {
        objective,
        model,
        version,
        orientation: orientations[orientation],
        ...(minimum !== undefined && { minimum }),
        ...(maximum !== undefined && { maximum }),
        ...(threshold !== undefined && { threshold }),
        maxBatch,
        maxTokens,
        input: 'INPUT_KIND_TEXT',
        textForm: textForms[textForm ?? scorer.description.textForm ?? 'clean'],
        maxBytes: maxReceiveBytes,
      };
    },
    async Score({ items }, { signal, deadline }) {
      assertBatch(items);
      const attributes = {
        [attributeNames.objective]: scorer.description.objective,
        [attributeNames.sequences]: items.length,
      };
      const results = await withSpan(spanNames.rewardScore, attributes, async (span) => {
        const outcomes = items.length === 0 ? [] : await scorer.score(items.map(withTurns), signal, deadline);
        const answered = items.map(({ id }, index) => resultOf(id, outcomes[index]));
        span.setAttribute(attributeNames.failedItems, answered.filter(({ error }) => error !== undefined).length);
        return answered;
      });
      return { results, version: scorer.description.version };
    },
  });
}

/** Returns an item with its conversation. A caller that sends none means a prompt that is one text. */
function withTurns(item: Item): Item {
  return item.turns.length > 0 ? item : { ...item, turns: [{ role: 'user', content: item.prompt }] };
}

function assertBatch(items: readonly Item[]): void {
  if (items.length > maxBatch) {
    throw new RpcError(
      'INVALID_ARGUMENT',
      `items: found ${items.length} items, expected at most ${maxBatch} (max_batch of Describe); split the batch`,
    );
  }
  const seen = new Map<string, number>();
  for (const [index, { id }] of items.entries()) {
    if (id === '') {
      throw new RpcError('INVALID_ARGUMENT', `items[${index}].id: found an empty id, expected one for each item`);
    }
    const first = seen.get(id);
    if (first !== undefined) {
      throw new RpcError(
        'INVALID_ARGUMENT',
        `items[${index}].id: found ${JSON.stringify(id)} a second time, first at items[${first}]; expected distinct ids`,
      );
    }
    seen.set(id, index);
  }
}

function resultOf(id: string, outcome: Outcome | undefined): ResultInput {
  if (outcome === undefined) throw new Error(`the scorer has no outcome for item '${id}'`);
  if ('problem' in outcome) return { id, error: { message: outcome.problem, retryable: outcome.retryable } };
  const { score } = outcome;
  if (Number.isFinite(score)) return { id, score };
  return { id, error: { message: `the score is ${score}, not a finite number`, retryable: false } };
}
