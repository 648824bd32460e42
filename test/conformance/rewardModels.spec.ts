/** The files of examples/reward-models are valid, and docs/rewards.md names every one. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { httpFile, readRemoteFile } from '@gapo/reward-service/testing';
import { projectRoot } from './services.js';

const folder = join(projectRoot, 'examples/reward-models');
const page = readFileSync(join(projectRoot, 'docs/rewards.md'), 'utf8');

describe('files of reward models', () => {
  const files = readdirSync(folder);
  assert.ok(files.length > 0);
  for (const name of files) {
    test(name, async () => {
      const { file } = await readRemoteFile(join(folder, name), httpFile);
      assert.ok(page.includes(`](../examples/reward-models/${name})`), 'docs/rewards.md names it');
      // The model that the comments say to serve is the one that is requested.
      const text = readFileSync(join(folder, name), 'utf8');
      if ('model' in file && file.model !== undefined) assert.ok(text.includes(`# vllm serve ${file.model} `));
      if ('encoding' in file && file.encoding !== 'server') assert.ok(text.includes(`--local-dir ${file.encoding.tokenizer}\n`)); // prettier-ignore
    });
  }
});
