// The record of runs started by commands.
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../cli.fixture.js';
import type { ConfigFile } from '../configFile.js';
import { launchesOf, recordLaunch } from './launches.js';

test('a run is found by its configuration, also after a line that a crash left incomplete', (t) => {
  const data = join(temporaryFolder(t), 'runs');
  const config = { path: '/project/run.yaml', baseDirectory: '/project', sha256: 'a' } as ConfigFile;
  assert.deepEqual(launchesOf(data, config), new Set());
  recordLaunch(data, 'first', config);
  appendFileSync(join(data, 'launches.jsonl'), '{"run":"torn","conf');
  recordLaunch(data, 'second', config);
  recordLaunch(data, 'other', { ...config, sha256: 'b' });
  assert.deepEqual(launchesOf(data, config), new Set(['first', 'second']));
});

test('a record that cannot be read or written is one line that names it', (t) => {
  const data = temporaryFolder(t);
  const path = join(data, 'launches.jsonl');
  mkdirSync(path);
  const config = { path: '/project/run.yaml', baseDirectory: '/project', sha256: 'a' } as ConfigFile;
  const named = (error: Error): boolean => error.name === 'UserError' && error.message.startsWith(path);
  assert.throws(() => launchesOf(data, config), named);
  assert.throws(() => {
    recordLaunch(data, 'first', config);
  }, named);
});
