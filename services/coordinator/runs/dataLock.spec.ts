// The lock of a data directory: it has one holder at a time, and none once its process is dead.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { logger } from '@gapo/service';
import { scratch } from '../fixtures/world.fixture.js';
import { lockDataDirectory } from './dataLock.js';

const log = logger('test');

test('a directory has one holder at a time', async (t) => {
  const directory = await scratch(t);
  const other = await scratch(t);
  const unlock = await lockDataDirectory(directory, log);
  await assert.rejects(lockDataDirectory(directory, log), /is in use by another coordinator; stop it/);
  (await lockDataDirectory(other, log))();
  unlock();
  (await lockDataDirectory(directory, log))();
});

test('a process that was killed does not keep the lock', async (t) => {
  const directory = await scratch(t);
  const lock = JSON.stringify(new URL('dataLock.js', import.meta.url).href);
  const code = `const { lockDataDirectory } = await import(${lock});
    await lockDataDirectory(${JSON.stringify(directory)}, console);
    console.log('locked');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  await assert.rejects(lockDataDirectory(directory, log), /another coordinator/);
  child.kill('SIGKILL');
  await once(child, 'close');
  (await lockDataDirectory(directory, log))();
});
