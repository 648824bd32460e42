// The committed types match the protos.
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

test('gen/ is what types.gen.mjs makes of proto/', () => {
  const script = fileURLToPath(new URL('../types.gen.mjs', import.meta.url));
  execFileSync(process.execPath, [script, '--check'], { stdio: ['ignore', 'ignore', 'inherit'] });
});
