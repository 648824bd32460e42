/** Third-party code in production: known licences, and a complete bill of materials. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { projectRoot } from './services.js';

interface LockedPackage {
  name: string;
  version: string;
  license?: string;
}

interface Production {
  allowedLicenses: ReadonlySet<string>;
  productionPackages: (root: string) => LockedPackage[];
}

const { allowedLicenses, productionPackages } = (await import(
  new URL('deploy/supply/production.mjs', `file://${projectRoot}`).href
)) as Production;

const packages = productionPackages(projectRoot);
const full = ({ name, version }: LockedPackage): string => `${name}@${version}`;

test('every package that runs in production has a licence that is allowed', () => {
  const others = packages.filter(({ license }) => license === undefined || !allowedLicenses.has(license));
  assert.deepEqual(
    others.map((locked) => `${full(locked)}: ${locked.license ?? 'no licence'}`),
    [],
  );
});

test('no production package is missing from the list: what the services import is in it', () => {
  const names = new Set(packages.map(({ name }) => name));
  const lock = JSON.parse(readFileSync(join(projectRoot, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dependencies?: Record<string, string> }>;
  };
  const imported = Object.entries(lock.packages)
    .filter(([folder]) => folder.startsWith('services/') && !folder.includes('node_modules/'))
    .flatMap(([, { dependencies = {} }]) => Object.keys(dependencies))
    .filter((name) => !name.startsWith('@gapo/'));
  assert.ok(imported.length > 20);
  assert.deepEqual(
    imported.filter((name) => !names.has(name)),
    [],
  );
});

test('manifests, the chart, the compose file and the images state one version', () => {
  execFileSync('node', ['deploy/supply/versions.mjs'], { cwd: projectRoot });
  assert.throws(() =>
    execFileSync('node', ['deploy/supply/versions.mjs', '99.0.0'], { cwd: projectRoot, stdio: 'pipe' }),
  );
});

interface BillOfMaterials {
  bomFormat: string;
  serialNumber: string;
  metadata: { component: { name: string; version: string } };
  components: { name: string; purl: string; version: string; licenses?: object[]; hashes?: object[] }[];
  dependencies: { ref: string; dependsOn: string[] }[];
}

describe('make sbom', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gapo-sbom-'));
  const write = (): string => {
    const env = { ...process.env, SOURCE_DATE_EPOCH: '0' };
    execFileSync('node', ['deploy/supply/inventory.mjs', folder], { cwd: projectRoot, env });
    return readFileSync(join(folder, 'sbom.cdx.json'), 'utf8');
  };
  let written = '';
  let bill: BillOfMaterials;
  before(() => {
    written = write();
    bill = JSON.parse(written) as BillOfMaterials;
  });
  after(() => rmSync(folder, { recursive: true }));

  test('lists exactly what runs in production, with licences and hashes', () => {
    assert.equal(bill.bomFormat, 'CycloneDX');
    assert.equal(bill.metadata.component.name, 'gapo');
    const others = bill.components.filter(({ name }) => !name.startsWith('@gapo/'));
    assert.deepEqual(others.map(full).sort(), packages.map(full).sort());
    for (const { name, licenses = [], hashes = [] } of others)
      assert.ok(licenses.length > 0 && hashes.length > 0, name);
    const references = new Set([full(bill.metadata.component), ...bill.components.map(full)]);
    assert.deepEqual(new Set(bill.dependencies.map(({ ref }) => ref)), references);
  });

  test('writes the same bytes again', () => {
    assert.equal(write(), written);
  });

  test('the list of licences names every package, and its text', () => {
    const list = readFileSync(join(folder, 'licenses.txt'), 'utf8');
    for (const { name, version, license } of packages)
      assert.ok(list.includes(`\n${name} ${version}: ${license}\n`), name);
  });
});
