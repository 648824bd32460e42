/**
 * Reruns the scripts that produced the reference values of other tests, and compares their output with the committed
 * files.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isMapping } from '@gapo/service';

const folder = fileURLToPath(new URL('../../oracle/', import.meta.url));
const python = process.env['ORACLE_PYTHON'] ?? 'python3';

/** Maximum difference of numbers, relative above 1, because different processors round differently. */
const tolerance = 1e-5;

/** Defines a test for each script of a kind. */
export function testScripts(kind: 'text' | 'torch', modules: readonly string[]): void {
  const skip = reasonToSkip(modules);
  for (const script of readdirSync(join(folder, kind)).filter((name) => name.endsWith('.py'))) {
    test(`${kind}/${script} still gives the committed values`, { skip }, (t) => {
      const out = mkdtempSync(join(tmpdir(), 'gapo-oracle-'));
      t.after(() => rmSync(out, { recursive: true }));
      const environment = { ...process.env, PYTHONPATH: folder, HF_HUB_OFFLINE: '1', PYTHONDONTWRITEBYTECODE: '1' };
      execFileSync(python, [join(folder, kind, script), out], {
        env: environment,
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      const name = script.replace(/\.py$/, '.json');
      const read = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));
      assertClose(read(join(out, name)), read(join(folder, 'values', name)), name);
    });
  }
}

/** Why the scripts are skipped; false if they run. */
function reasonToSkip(modules: readonly string[]): string | false {
  try {
    execFileSync(python, ['-c', `import ${modules.join(', ')}`], { stdio: 'ignore' });
    return false;
  } catch {
    return `${python} lacks ${modules.join(' or ')}: \`make test-tools\` or \`make test-oracle\` installs them`;
  }
}

function assertClose(found: unknown, committed: unknown, path: string): void {
  if (typeof found === 'number' && typeof committed === 'number') {
    const allowed = tolerance * Math.max(1, Math.abs(committed));
    assert.ok(Math.abs(found - committed) <= allowed, `${path}: now ${found}, committed ${committed}`);
  } else if (Array.isArray(found) && Array.isArray(committed)) {
    assert.equal(found.length, committed.length, path);
    found.forEach((element, i) => assertClose(element, committed[i], `${path}[${i}]`));
  } else if (isMapping(found) && isMapping(committed)) {
    assert.deepEqual(Object.keys(found), Object.keys(committed), path);
    for (const [key, value] of Object.entries(found)) assertClose(value, committed[key], `${path}.${key}`);
  } else {
    assert.deepEqual(found, committed, path);
  }
}
