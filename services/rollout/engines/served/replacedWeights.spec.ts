// A server that has one version's weights at a time: which requests wait for which, and when a version's files are no
// longer needed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { ReplacedWeights } from './replacedWeights.js';

const weights = (name: string) => ({ kind: 'weights', name, path: `/weights/${name}` }) as const;

/** A promise and the functions that settle it. */
function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => (resolve = settle));
  return { promise, resolve };
}

/** A server that records what happens to it. */
function server(fails: (name: string, attempt: number) => boolean = () => false) {
  const events: string[] = [];
  let attempts = 0;
  const held = new ReplacedWeights({
    replace: async ({ name }) => {
      await turn();
      if (fails(name, ++attempts)) throw new Error(`${name} cannot be read`);
      events.push(`replace ${name}`);
    },
    unloaded: (name) => events.push(`unloaded ${name}`),
  });
  const sample = (name: string, until: Promise<void> = Promise.resolve()): Promise<void> =>
    held.using(weights(name), async () => {
      events.push(`sample ${name}`);
      await until;
    });
  return { held, events, sample };
}

test('requests for one version share its weights', async () => {
  const { events, sample } = server();
  await Promise.all([sample('a'), sample('a')]);
  await sample('a');
  assert.deepEqual(events, ['replace a', 'sample a', 'sample a', 'sample a']);
});

test('another version waits for the requests before it, and takes the place of theirs', async () => {
  const { held, events, sample } = server();
  const first = deferred();
  const requests = [sample('a', first.promise), sample('b'), sample('a')];
  for (let i = 0; i < 5; i++) await turn();
  assert.deepEqual(events, ['replace a', 'sample a'], 'b would end the request of a');
  assert.ok(held.has('a') && held.has('b'));
  first.resolve();
  await Promise.all(requests);
  assert.deepEqual(events.slice(2), ['replace b', 'sample b', 'replace a', 'unloaded b', 'sample a']);
  assert.ok(held.has('a') && !held.has('b'), 'a waited again, so that its files were kept');
});

test('if it is uncertain which weights a server has, they are replaced before the next request', async () => {
  const { held, events, sample } = server();
  await sample('a');
  held.doubt();
  await Promise.all([sample('a'), sample('a')]);
  assert.deepEqual(events, ['replace a', 'sample a', 'replace a', 'sample a', 'sample a']);
});

test('weights that cannot be read fail their requests, and the next one tries again', async () => {
  const { held, events, sample } = server((name, attempt) => name === 'b' && attempt === 2);
  await sample('a');
  await assert.rejects(sample('b'), /b cannot be read/);
  assert.ok(held.has('a'), 'the server may still have them');
  await sample('b');
  assert.deepEqual(events, ['replace a', 'sample a', 'replace b', 'unloaded a', 'sample b']);
  await held.close();
  assert.deepEqual(events.at(-1), 'unloaded b');
});
