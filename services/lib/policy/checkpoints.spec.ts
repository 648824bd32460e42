/** Checkpoints in the Hub's format give the same log-probabilities as in transformers. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { readDecoderModel } from '@gapo/model';
import { z } from 'zod';
import { describedTensor, logprobsOf, writeDescribed } from './checkpoint.fixture.js';
import { logitsOf } from './referenceDecoder.fixture.js';

const values = new URL('../../../../test/oracle/values/checkpoints.json', import.meta.url);
/** Written by test/oracle/torch/checkpoints.py. */
const { ids, checkpoints } = z
  .object({
    ids: z.array(z.int()),
    checkpoints: z.array(
      z.object({
        name: z.string(),
        config: z.record(z.string(), z.unknown()),
        tensors: z.array(describedTensor),
        index: z.record(z.string(), z.string()).optional(),
        logprobs: z.array(z.number()),
      }),
    ),
  })
  .parse(JSON.parse(readFileSync(values, 'utf8')));

describe('a checkpoint has the log-probabilities of transformers:', () => {
  for (const { name, config, tensors, index, logprobs } of checkpoints) {
    test(name, async (t) => {
      const directory = await mkdtemp(join(tmpdir(), 'gapo-checkpoint-'));
      t.after(() => rm(directory, { recursive: true }));
      await writeDescribed(directory, tensors, { file: 'config.json', content: config });
      if (index !== undefined) {
        await writeFile(join(directory, 'model.safetensors.index.json'), JSON.stringify({ weight_map: index }));
      }
      const model = await readDecoderModel(directory);
      const found = logprobsOf(await logitsOf(model, ids, ids.length), ids);
      found.forEach((x, i) =>
        assert.ok(Math.abs(x - (logprobs[i] ?? NaN)) < 1e-4, `token ${i + 1}: ${x}, not ${logprobs[i]}`),
      );
    });
  }
});
