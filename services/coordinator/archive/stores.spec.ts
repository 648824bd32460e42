// One contract for both stores: a directory, and S3 on a real server.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { temporaryDirectory } from '@gapo/service/testing';
import { storeKinds } from '../fixtures/store.fixture.js';
import { openStore } from './openArchive.js';
import { parseStoreUrl } from './storeUrl.js';

for (const { name, start, skip } of storeKinds) {
  describe(name, { skip }, () => {
    test('what was stored is listed by prefix, read back and removed', async (t) => {
      const store = await openStore(await start(t), 'path');
      t.after(() => store.close());
      const directory = await temporaryDirectory(t);
      const contents = new Map([
        ['a/run.json', Buffer.from('{}')],
        ['a/steps.jsonl', Buffer.alloc(0)],
        ['a/checkpoints/step-000001/w', Buffer.alloc(17 * 2 ** 20, 7)], // several parts
        ['ab/run.json', Buffer.from('other')],
      ]);
      assert.deepEqual(await store.list(''), []);
      for (const [key, content] of contents) {
        await writeFile(join(directory, 'source'), content);
        await store.put(key, join(directory, 'source'));
      }
      assert.deepEqual([...(await store.list(''))].sort(), [...contents.keys()].sort());
      assert.deepEqual(
        [...(await store.list('a/'))].sort(),
        [...contents.keys()].filter((key) => key.startsWith('a/')).sort(),
      );
      for (const [key, content] of contents) {
        await store.get(key, join(directory, 'back'));
        assert.ok((await readFile(join(directory, 'back'))).equals(content), key);
      }
      await store.remove(['a/run.json', 'a/none']);
      assert.ok(!(await store.list('a/')).includes('a/run.json'));
      await assert.rejects(
        store.get('a/run.json', join(directory, 'back')),
        /^StoreError: CHECKPOINT_STORE .*: cannot read a\/run\.json: /,
      );
    });
  });
}

test('a URL of a store names a bucket or a directory', () => {
  assert.deepEqual(parseStoreUrl('s3://gapo.team-1/runs/a/'), { bucket: 'gapo.team-1', prefix: 'runs/a' });
  assert.deepEqual(parseStoreUrl('s3://gapo'), { bucket: 'gapo', prefix: '' });
  assert.deepEqual(parseStoreUrl('file:///mnt/a%20b'), { directory: '/mnt/a b' });
  for (const url of [
    '',
    's3://',
    's3://A',
    's3://ab?x=1',
    's3:/bucket',
    '/mnt/store',
    'file:///',
    'file://host/a',
    'file:///a%2Fb',
    'https://bucket',
  ]) {
    assert.equal(parseStoreUrl(url), undefined, url);
  }
});
