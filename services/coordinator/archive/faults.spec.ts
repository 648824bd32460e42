// A store that fails at each of its fault points: nothing is lost, and what is restored afterwards is complete.
import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { injectFaults, observeFaultPoints } from '@gapo/faults';
import type { Logger } from '@gapo/service';
import { temporaryDirectory } from '@gapo/service/testing';
import { openArchive } from './openArchive.js';
import type { RunArchive } from './runArchive.js';
import type { ArchivedRun } from './runSnapshot.js';

/** Writes the files of a run with some checkpoints. */
async function writeRun(path: string, steps: readonly number[]): Promise<void> {
  const files = new Map([
    ['config.yaml', 'name: a\n'],
    ['steps.jsonl', steps.map((step) => `{"step":${step}}\n`).join('')],
    ['events/000000000001.jsonl', `${steps.length} events\n`],
    ['audit.jsonl', '{}\n'],
    ['audit.head.json', '{}\n'],
    ['run.json', JSON.stringify({ steps })],
  ]);
  for (const step of steps) {
    for (const name of ['optimizer.safetensors', 'state.json'])
      files.set(`checkpoints/step-${String(step).padStart(6, '0')}/${name}`, `${name} of ${step}`);
  }
  await rm(join(path, 'checkpoints'), { recursive: true, force: true });
  for (const [name, content] of files) {
    await mkdir(join(path, name, '..'), { recursive: true });
    await writeFile(join(path, name), content);
  }
}

async function contentOf(directory: string): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  const read = files.map(async (path) => [path.slice(directory.length), await readFile(path, 'utf8')] as const);
  return new Map((await Promise.all(read)).sort(([a], [b]) => (a < b ? -1 : 1)));
}

interface Stored {
  readonly run: ArchivedRun;
  readonly warnings: string[];
  /** Opens the archive as a starting coordinator does. */
  readonly open: () => Promise<RunArchive>;
  /** Where runs are restored. */
  readonly elsewhere: string;
}

async function start(t: TestContext): Promise<Stored> {
  const directory = await temporaryDirectory(t);
  const warnings: string[] = [];
  const warn = (_: unknown, text: string): number => warnings.push(text);
  const log = { info: () => undefined, warn } as unknown as Logger;
  const url = pathToFileURL(join(directory, 'store')).href;
  const open = async (): Promise<RunArchive> => {
    const archive = await openArchive({ CHECKPOINT_STORE: url, CHECKPOINT_STORE_ADDRESSING: 'path' }, log);
    assert.ok(archive !== undefined);
    t.after(() => archive.close(0));
    return archive;
  };
  const path = join(directory, 'data/a');
  const run = {
    id: 'a',
    path,
    checkpoints: join(path, 'checkpoints'),
    events: join(path, 'events'),
    assertWritable: () => undefined,
  };
  return { run, warnings, open, elsewhere: join(directory, 'elsewhere') };
}

/** Waits until everything is stored. Each call cuts short the backoff after a failure. */
async function stored(archive: RunArchive): Promise<void> {
  while (!(await archive.flush(20)));
}

test('a failure of the store at any point is recovered from, and what is read back is complete', async (t) => {
  t.after(() => injectFaults(''));
  for (const [point, hits] of [
    ['store.list', 1],
    ['store.put', 8],
    ['store.stored', 8],
    ['store.remove', 2],
  ] as const) {
    for (let hit = 1; hit <= hits; hit++) {
      const { run, warnings, open, elsewhere } = await start(t);
      await writeRun(run.path, [1, 2]);
      const before = await open();
      before.save(run);
      await stored(before);
      // A checkpoint of the same step with different contents, a new one, and a removed one: everything a round can do.
      await writeRun(run.path, [2, 3]);
      const archive = await open();
      injectFaults(`${point}=error:EIO@${hit}`);
      archive.save(run);
      await stored(archive);
      injectFaults('');
      assert.match(
        warnings.join(),
        new RegExp(`run a: CHECKPOINT_STORE file:.*EIO.*${point}.*training continues`),
        `${point} ${hit}`,
      );
      const { runs, failed } = await archive.restoreMissing(elsewhere);
      assert.deepEqual([runs, [...failed]], [['a'], []]);
      assert.deepEqual(await contentOf(join(elsewhere, 'a')), await contentOf(run.path), `${point} ${hit}`);
    }
  }
});

test('the keys of a run are listed once, and once more after a failure', async (t) => {
  const lists: string[] = [];
  t.after(
    observeFaultPoints((point, detail) => {
      if (point === 'store.list') lists.push(detail);
    }),
  );
  t.after(() => injectFaults(''));
  const { run, open, elsewhere } = await start(t);
  const archive = await open();
  for (const [steps, faults] of [
    [[1, 2], ''],
    [[2, 3], ''],
    [[3, 4], 'store.put[run.json]=error:EIO@1'],
    [[4], ''],
  ] as const) {
    await writeRun(run.path, steps);
    injectFaults(faults);
    archive.save(run);
    await stored(archive);
  }
  assert.deepEqual(lists, ['a/', 'a/']);
  await archive.restoreMissing(elsewhere);
  assert.deepEqual(await contentOf(join(elsewhere, 'a')), await contentOf(run.path));
});

test('a run that cannot be read back is named with the reason, leaves nothing, and is read back at the next start', async (t) => {
  t.after(() => injectFaults(''));
  const { run, open, elsewhere } = await start(t);
  const archive = await open();
  await writeRun(run.path, [1, 2]);
  archive.save(run);
  await stored(archive);
  injectFaults('store.list=error:EACCES');
  await assert.rejects(archive.restoreMissing(elsewhere), /^StoreError: CHECKPOINT_STORE file:.*EACCES/);
  for (const hit of [1, 5]) {
    injectFaults(`store.get=error:EIO@${hit}`);
    const { runs, failed } = await archive.restoreMissing(elsewhere);
    assert.deepEqual(runs, []);
    assert.match(failed.get('a') ?? '', /EIO.*store\.get 'a\/[^']+'.*read back at the next start/);
    assert.deepEqual(await readdir(elsewhere).catch(() => []), []);
  }
  injectFaults('');
  assert.deepEqual((await archive.restoreMissing(elsewhere)).runs, ['a']);
  assert.deepEqual(await contentOf(join(elsewhere, 'a')), await contentOf(run.path));
});
