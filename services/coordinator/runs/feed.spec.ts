// Watchers of a run.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RunFeed } from './feed.js';

test('a watcher that disconnects is removed, wherever in the stream it stopped reading', async () => {
  const feed = new RunFeed();
  const gone = new AbortController();
  const follow = (): AsyncGenerator => feed.follow(() => false, gone.signal);
  feed.progress({ step: 1, phase: 'sampling', done: 0, total: 1 });
  const [reading, waiting] = [follow(), follow()];
  assert.equal((await reading.next()).done, false);
  await waiting.next();
  const next = waiting.next();
  assert.equal(feed.watchers, 2);
  gone.abort();
  assert.equal(feed.watchers, 0);
  assert.equal((await next).done, true);
});
