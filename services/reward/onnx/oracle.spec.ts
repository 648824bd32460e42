/** Small classifiers exported from transformers, with the scores that it computes: see test/oracle. */
import assert from 'node:assert/strict';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { at } from '@gapo/numeric';
import type { Scorer } from '@gapo/reward';
import { oneTurn } from '@gapo/reward/testing';
import { temporaryDirectory } from '@gapo/service/testing';
import { ClassifierHost } from './classifierHost.js';

const oracle = new URL('../../../../test/oracle/', import.meta.url);
const forever = new AbortController().signal;

interface Values {
  readonly items: readonly (readonly [prompt: string, completion: string])[];
  readonly tokenizers: Readonly<Record<string, OracleTokenizer>>;
  readonly classifiers: readonly OracleClassifier[];
}

/** A tokenizer of test/oracle/tokenizers, and what a classifier adds to it. */
interface OracleTokenizer {
  readonly base: string;
  readonly added?: readonly object[];
  readonly post_processor?: object;
  readonly config: object;
}

interface OracleClassifier {
  readonly name: string;
  readonly model: string;
  readonly tokenizer: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly options: Readonly<Record<string, unknown>>;
  /** The score of each item on its own. */
  readonly scores: readonly number[];
  /**
   * The score of each item in a padded batch; absent if the model cannot run one or gives different scores
   * in it.
   */
  readonly padded?: readonly number[];
}

const read = async <T>(file: string): Promise<T> => JSON.parse(await readFile(new URL(file, oracle), 'utf8')) as T;
const { items, tokenizers, classifiers } = await read<Values>('values/classifiers.json');

async function writeClassifier(directory: string, { model, tokenizer, config, options }: OracleClassifier) {
  const described = tokenizers[tokenizer];
  assert.ok(described !== undefined);
  const base = await read<{ added_tokens: object[] }>(`tokenizers/${described.base}/tokenizer.json`);
  const { added = [], post_processor } = described;
  const own = {
    added_tokens: [...base.added_tokens, ...added],
    ...(post_processor !== undefined && { post_processor }),
  };
  const files = {
    'tokenizer.json': { ...base, ...own },
    'tokenizer_config.json': { tokenizer_class: 'PreTrainedTokenizerFast', ...described.config },
    'config.json': { architectures: ['AnyForSequenceClassification'], ...config },
    'reward.yaml': { objective: 'oracle', ...options },
  };
  for (const [name, content] of Object.entries(files)) await writeFile(join(directory, name), JSON.stringify(content));
  await copyFile(new URL(`classifiers/${model}.onnx`, oracle), join(directory, 'model.onnx'));
}

/** The largest difference from transformers, by the model's numeric type. */
const toleranceOf = ({ model }: OracleClassifier): number => (model.endsWith('float16') ? 5e-3 : 1e-5);

describe('scores of items together and alone are those of transformers', () => {
  let scorers: readonly Scorer[] = [];
  const closing: (() => Promise<void>)[] = [];
  before(async () => {
    const directories = await Promise.all(
      classifiers.map(() => temporaryDirectory({ after: (close) => void closing.push(close) })),
    );
    for (const [i, directory] of directories.entries()) await writeClassifier(directory, at(classifiers, i));
    const host = await ClassifierHost.open(
      directories.map((directory) => ({ directory })),
      { threads: 1 },
    );
    closing.push(() => host.close());
    ({ scorers } = host);
  });
  after(async () => {
    for (const close of closing) await close();
  });
  for (const [index, classifier] of classifiers.entries()) {
    test(classifier.name, async () => {
      const scorer = at(scorers, index);
      const all = items.map(([prompt, completion]) => oneTurn(prompt, completion));
      const together = await scorer.score(all, forever);
      for (const [i, item] of all.entries()) {
        const [alone] = await scorer.score([item], forever);
        assert.deepEqual(alone, at(together, i));
        assert.ok(alone !== undefined && 'score' in alone, JSON.stringify(alone));
        for (const expected of [classifier.scores, classifier.padded ?? classifier.scores]) {
          const difference = Math.abs(alone.score - at(expected, i));
          assert.ok(difference <= toleranceOf(classifier), `item ${i}: ${alone.score}, expected ${at(expected, i)}`);
        }
      }
    });
  }
});
