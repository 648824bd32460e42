/**
 * Sequence classifiers behind vLLM: /classify, /pooling and /score. Raw numbers are requested from all of them
 * (use_activation: false): by default they return probabilities, whose differences vanish near 0 and 1.
 *
 * https://docs.vllm.ai/en/latest/models/pooling_models
 */
import { shown } from '@gapo/http';
import { required } from '@gapo/numeric';
import { NoScore, type ScoreItem } from '@gapo/reward';
import { z } from '@gapo/service';
import { defaultBatch } from '../../remote/remoteFile.js';
import { preparing, type RemoteEncoder } from './encodingFile.js';
import type { ProtocolOptions } from './httpFile.js';
import { scoreIn, type Column } from './numbers.js';
import { counted, parsed, withParameters, type Prepared, type Protocol } from './protocol.js';

/** Old servers ignore keys that they do not know. */
const rawNumbers = {
  key: 'use_activation',
  otherwise: 'it answers with probabilities in place of raw numbers; update vLLM',
};

/** Elements are checked one by one, so that a bad one affects only its own item. */
const answered = z.looseObject({ data: z.array(z.unknown()) });

/** Reads the scores in `data`, whose elements state their index in the request. */
function readData(
  form: string,
  score: (element: Readonly<Record<string, unknown>>) => number | NoScore,
): Protocol['read'] {
  const element = z.looseObject({ index: z.unknown() });
  return (answer, items) => {
    const { data } = parsed(answered, answer, `{"data": [${form}]}`);
    return counted(data, items.length, 'elements of data').map((each, i) => {
      const found = element.safeParse(each);
      if (found.success && found.data.index === i) return score(found.data);
      return new NoScore(`the answer for the item is ${shown(each)}; expected ${form} with index ${i}`);
    });
  };
}

/** The conversation rendered by the server: one per request. */
function conversation({ turns, completion }: ScoreItem) {
  return {
    messages: [...turns, { role: 'assistant', content: completion }],
    add_generation_prompt: false,
    add_special_tokens: false,
  };
}

/** The part of a request that the model reads. */
function inputOf(items: readonly Prepared[], encoder: RemoteEncoder | undefined) {
  if (encoder !== undefined) return { input: items.map(({ tokenIds }) => required(tokenIds, 'the token ids')) };
  return conversation(required(items[0], 'the item'));
}

/** `/classify`: the numbers of the labels. The response's own `label`, the one with the largest number, is not used. */
export function vllmClassify(options: ProtocolOptions<'vllm-classify'>, encoder: RemoteEncoder | undefined): Protocol {
  const { batch, model, parameters } = options;
  return {
    batch: batch ?? (encoder === undefined ? 1 : defaultBatch),
    switch: rawNumbers,
    prepare: preparing(encoder),
    request: (items) =>
      withParameters(
        { ...(model !== undefined && { model }), ...inputOf(items, encoder), use_activation: false },
        parameters,
      ),
    read: readData('{"index", "probs": [numbers]}', ({ probs }) => scoreIn(probs, options)),
  };
}

/** `/pooling`: the numbers of the labels or, for a model with numbers per token, those of the last token. */
export function vllmPooling(options: ProtocolOptions<'vllm-pooling'>, encoder: RemoteEncoder | undefined): Protocol {
  const { batch, model, task, parameters } = options;
  return {
    batch: batch ?? (encoder === undefined ? 1 : defaultBatch),
    switch: rawNumbers,
    prepare: preparing(encoder),
    request: (items) =>
      withParameters(
        {
          ...(model !== undefined && { model }),
          ...inputOf(items, encoder),
          task,
          use_activation: false,
          encoding_format: 'float',
        },
        parameters,
      ),
    read: readData('{"index", "data": [numbers]}', ({ data }) =>
      scoreIn(task === 'token_classify' ? lastOf(data) : data, options),
    ),
  };
}

/** Returns the numbers of the last token. */
function lastOf(rows: unknown): unknown {
  return rows instanceof Array ? (rows as unknown[]).at(-1) : rows;
}

/** `/score`: the number of a cross-encoder for two texts, which the server combines as the model was trained. */
export function vllmScore({ batch, model, parameters, activation }: ProtocolOptions<'vllm-score'>): Protocol {
  const only: Column = { activation };
  return {
    batch,
    switch: rawNumbers,
    request: (items) =>
      withParameters(
        {
          ...(model !== undefined && { model }),
          text_1: items.map(({ prompt }) => prompt),
          text_2: items.map(({ completion }) => completion),
          use_activation: false,
        },
        parameters,
      ),
    read: readData('{"index", "score": number}', ({ score }) => scoreIn([score], only)),
  };
}
