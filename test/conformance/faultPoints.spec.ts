/** Every fault point in the list is in the code. The compiler checks the other direction. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { faultPoints } from '@gapo/faults';
import { sourcesUnder } from './importOrder.js';
import { projectRoot } from './services.js';

test('every fault point is placed somewhere', () => {
  const placed = sourcesUnder(projectRoot, 'services')
    .filter(({ imports }) => imports.some(({ target }) => /^@gapo\/faults$|\/rpc\/faults\.ts$/.test(target)))
    .map(({ path }) => readFileSync(join(projectRoot, path), 'utf8'))
    .join('\n');
  const missing = Object.keys(faultPoints).filter(
    (name) => !new RegExp(`(faultPoint(Async)?|connectionFault)\\('${name.replace('.', '\\.')}'`).test(placed),
  );
  assert.deepEqual(missing, []);
});
