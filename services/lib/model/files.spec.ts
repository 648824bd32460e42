import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '@gapo/service/testing';
import { readBytes, readJson } from './files.js';

test('a pipe, a device and a directory are refused by name, and none is waited for', async (t) => {
  const directory = await temporaryDirectory(t);
  const pipe = join(directory, 'config.json');
  execFileSync('mkfifo', [pipe]);
  await assert.rejects(readJson(pipe), { name: 'ModelError', message: `${pipe}: is not a regular file` });
  await assert.rejects(readBytes('/dev/zero'), { message: '/dev/zero: is not a regular file' });
  await assert.rejects(readBytes(directory), { message: `${directory}: is a directory` });
  await assert.rejects(readBytes(join(directory, 'none')), { message: `${join(directory, 'none')}: does not exist` });
});

test('a text of an absurd size is refused before it is read', async (t) => {
  const path = join(await temporaryDirectory(t), 'tokenizer.json');
  const file = await open(path, 'w');
  await file.truncate(2 ** 31); // takes no disk space
  await file.close();
  await assert.rejects(readJson(path), { message: `${path}: has 2147483648 bytes, which is more than 64 MiB` });
});
