// The author of a change, and what remains unprotected with tokens.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { secureProcess } from '@gapo/rpc';
import { authorOf, openToEverybody } from './callers.js';

test('the author is the caller by their token, else the name that the request gives, else where it comes from', () => {
  const [peer, caller] = ['10.0.0.7:4711', { name: 'ada', role: 'operator' }];
  assert.equal(authorOf('somebody else', { peer, caller }), 'ada');
  assert.equal(authorOf('bob', { peer, caller: undefined }), 'bob');
  for (const named of ['', '  ', '\n']) {
    assert.equal(authorOf(named, { peer, caller: undefined }), 'anonymous from 10.0.0.7');
    assert.equal(authorOf(named, { peer: '[::1]:4711', caller: undefined }), 'anonymous from [::1]');
  }
  assert.equal(authorOf('a\u001b[31m\nb', { peer, caller: undefined }), 'a [31m b');
  assert.equal(authorOf('x'.repeat(10_000), { peer, caller: undefined }).length, 200);
});

test('a coordinator with tokens and without TLS says what it still serves to everybody, unless that is this machine', (t) => {
  t.after(() => secureProcess({}));
  secureProcess({ insecure: true });
  for (const listen of ['127.0.0.1:50050', 'localhost:50050', '[::1]:50050'])
    assert.equal(openToEverybody(listen), undefined, listen);
  for (const listen of ['0.0.0.0:50050', '[::]:50050', 'node-1:50050', '10.0.0.7:50050'])
    assert.match(openToEverybody(listen) ?? '', /PolicyService gives every policy version to everyone .*TLS_CERT_FILE/);
});
