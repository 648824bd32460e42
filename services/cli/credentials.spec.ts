import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { credentialsFor } from './credentials.js';

test('a token comes from the environment or a file, and leaves this machine only over TLS', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'gapo-token-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'token');
  writeFileSync(file, 'gapo_b\n');
  const local = '127.0.0.1:50050';
  assert.deepEqual(credentialsFor(local, {}), {});
  assert.deepEqual(credentialsFor(local, { GAPO_TOKEN: ' gapo_a ' }), { authorization: 'Bearer gapo_a' });
  assert.deepEqual(credentialsFor(local, { GAPO_TOKEN_FILE: file }), { authorization: 'Bearer gapo_b' });
  assert.throws(
    () => credentialsFor(local, { GAPO_TOKEN_FILE: join(folder, 'none') }),
    /GAPO_TOKEN_FILE: .* cannot be read/,
  );
  assert.throws(() => credentialsFor(local, { GAPO_TOKEN: 'a b\nc' }), /GAPO_TOKEN is not a token/);
  for (const address of ['10.0.0.1:50050', 'coordinator:50050', 'dns:///coordinator:50050']) {
    assert.throws(() => credentialsFor(address, { GAPO_TOKEN: 'gapo_a' }), /without TLS/);
    assert.deepEqual(Object.keys(credentialsFor(address, { GAPO_TOKEN: 'gapo_a', INSECURE: 'true' })), [
      'authorization',
    ]);
  }
  assert.deepEqual(credentialsFor('10.0.0.1:50050', {}), {}, 'without a token there is nothing to protect');
});
