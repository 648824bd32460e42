import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, existsSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { startProcess, temporaryDirectory } from './testing.fixture.js';
import { TextOutput } from './textOutput.js';

const fixture = new URL('./service.fixture.js', import.meta.url);

/** Opens a named pipe that never blocks: a writer that fails with EAGAIN once it is full, and a reader. */
async function pipe(t: TestContext): Promise<{ writer: number; read: () => string; closeReader: () => void }> {
  const path = join(await temporaryDirectory(t), 'pipe');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  t.after(() => closeSync(writer));
  const buffer = Buffer.alloc(1024 * 1024);
  return {
    writer,
    read: () => buffer.toString('utf8', 0, readSync(reader, buffer)),
    closeReader: () => closeSync(reader),
  };
}

describe('text output', () => {
  test('a reader that is behind loses whole lines, which are counted once it has caught up', async (t) => {
    const { writer, read, closeReader } = await pipe(t);
    t.after(closeReader);
    const output = new TextOutput(writer, { patienceMs: 1 });
    const line = `${'x'.repeat(9_999)}\n`;
    let written = 0;
    while (output.write(line)) written++;
    assert.equal(output.failure, 'EAGAIN');
    assert.equal(output.write('lost\n'), false);
    assert.equal(output.closed, false);
    const before = read();
    assert.ok(before.startsWith(line.repeat(written)));
    assert.equal(output.write('next\n'), true);
    assert.equal(output.failure, undefined);
    const torn = before.length > written * line.length;
    assert.equal(read(), `${torn ? '\n' : ''}(2 earlier messages could not be written here: EAGAIN)\nnext\n`);
  });

  test('a pipe without a reader is closed, and never throws', async (t) => {
    const { writer, closeReader } = await pipe(t);
    closeReader();
    const output = new TextOutput(writer);
    assert.equal(output.write('gone\n'), false);
    assert.equal(output.failure, 'EPIPE');
    assert.equal(output.closed, true);
  });

  test('a full disk is not a closed output', { skip: !existsSync('/dev/full') && 'no /dev/full' }, (t) => {
    const full = openSync('/dev/full', 'w');
    t.after(() => closeSync(full));
    const output = new TextOutput(full);
    assert.equal(output.write('text\n'), false);
    assert.deepEqual([output.failure, output.closed], ['ENOSPC', false]);
  });
});

describe('a service whose log cannot be written', () => {
  test('serves on and stops in order when the readers of its output have gone', async (t) => {
    const file = join(await temporaryDirectory(t), 'stopped');
    const child = startProcess(fixture, { args: ['logging', file] }, t);
    await child.waitForOutput(/ready/);
    child.closeOutput();
    child.kill('SIGTERM');
    assert.equal(await child.closed, 0);
    assert.ok(existsSync(file));
  });

  test('serves on with a full disk', { skip: !existsSync('/dev/full') && 'no /dev/full' }, async (t) => {
    const file = join(await temporaryDirectory(t), 'stopped');
    const full = openSync('/dev/full', 'w');
    t.after(() => closeSync(full));
    const child = startProcess(fixture, { args: ['logging', file, 'end'], outputTo: full }, t);
    assert.equal(await child.closed, 0);
    assert.ok(existsSync(file));
  });
});
