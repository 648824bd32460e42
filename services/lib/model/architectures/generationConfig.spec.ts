import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { refused } from '../refusal.fixture.js';
import { generationEosIds } from './generationConfig.js';

const values = new URL('../../../../../test/oracle/values/config_keys.json', import.meta.url);

let directory = '';
before(async () => void (directory = await mkdtemp(join(tmpdir(), 'gapo-generation-'))));
after(() => rm(directory, { recursive: true }));

async function read(json: object, ignoreKeys: readonly string[] = []): Promise<readonly number[]> {
  await writeFile(join(directory, 'generation_config.json'), JSON.stringify(json));
  return generationEosIds(directory, { ignoreKeys });
}

describe('generation_config.json', () => {
  test('may be absent', async () => {
    assert.deepEqual(await generationEosIds(directory, {}), []);
  });

  test('has the tokens that end a completion; its sampling settings have no effect', async () => {
    const sampling = { do_sample: true, temperature: 0.7, top_k: 20, repetition_penalty: 1.05, max_length: 4096 };
    assert.deepEqual(await read({ eos_token_id: [5, 6], pad_token_id: 0, ...sampling }), [5, 6]);
    assert.deepEqual(await read({ eos_token_id: 5 }), [5]);
  });

  test('is refused by the keys that change which tokens are possible, and by those that are unknown', async () => {
    await refused(
      read({ suppress_tokens: [7], stop_strings: ['end'] }),
      /suppress_tokens is not supported.* \[7\]; stop_strings is not supported.* \["end"\]/,
    );
    await refused(read({ steering_vector: 'x' }), /generation_config\.json: unknown key steering_vector \("x"\)/);
    assert.deepEqual(await read({ eos_token_id: 5, suppress_tokens: [7] }, ['suppress_tokens']), [5]);
    await refused(read({ eos_token_id: 'end' }), /eos_token_id must be a token id or a list of them/);
  });

  test('has no key of transformers that is unknown', async () => {
    const { generation } = z
      .object({ generation: z.record(z.string(), z.unknown()) })
      .parse(JSON.parse(readFileSync(values, 'utf8')));
    const names = Object.keys(generation).filter((name) => name !== 'eos_token_id');
    assert.ok(names.length > 60);
    const error = await read(Object.fromEntries(names.map((name) => [name, 'x']))).catch((thrown: unknown) => thrown);
    assert.match(String(error), /bad_words_ids is not supported/);
    assert.doesNotMatch(String(error), /unknown/);
  });
});
