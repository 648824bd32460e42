/**
 * Writes what the project consists of: `node deploy/supply/inventory.mjs FOLDER`.
 *
 *   FOLDER/sbom.cdx.json   CycloneDX: the workspaces and every package that runs in production, with hashes and licences
 *   FOLDER/licenses.txt    the same packages by licence, then each one's licence text
 *
 * Both depend on package-lock.json alone, and the licence texts on what is installed. The same commit gives the same bytes:
 * the time is that of the commit (or SOURCE_DATE_EPOCH), and the serial number derives from the content.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { productionPackages } from './production.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** A package's name and version out of its purl, such as `pkg:npm/%40gapo/cli@0.1.0`. */
const nameOf = ({ purl }) => decodeURIComponent(purl.replace(/^pkg:npm\//, '').replace(/\?.*/, ''));

/**
 * The bill of materials.
 *
 * npm's `--omit=dev` also drops packages that production and tests share (docs/decisions/0027), so the full list is reduced here.
 *
 * @throws Error where npm's list lacks a package of the lock, or has one that is not in it
 */
function billOfMaterials() {
  const args = ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only', '--loglevel', 'error'];
  const whole = JSON.parse(execFileSync('npm', args, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 }));
  const wanted = new Set(productionPackages(root).map(({ name, version }) => `${name}@${version}`));
  const components = whole.components
    .filter((component) => nameOf(component).startsWith('@gapo/') || wanted.has(nameOf(component)))
    // npm names workspaces after their folders.
    .map((component) => ({ ...component, name: nameOf(component).replace(/@[^@]*$/, '') }))
    .sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  const listed = new Set(components.map(nameOf));
  const missing = [...wanted].filter((name) => !listed.has(name));
  if (missing.length > 0) throw new Error(`npm sbom left out ${missing.join(', ')}, which package-lock.json has`);

  const { name } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const component = { ...whole.metadata.component, name, type: 'application' };
  const references = new Set([component, ...components].map((entry) => entry['bom-ref']));
  const dependencies = whole.dependencies
    .filter(({ ref }) => references.has(ref))
    .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter((other) => references.has(other)).sort() }))
    .sort((a, b) => (a.ref < b.ref ? -1 : 1));
  const content = {
    ...whole,
    metadata: { ...whole.metadata, timestamp: timestamp(), component },
    components,
    dependencies,
  };
  return { ...content, serialNumber: serialNumber({ ...content, serialNumber: undefined }) };
}

/** The time of SOURCE_DATE_EPOCH (seconds), else of the commit. */
function timestamp() {
  const seconds =
    process.env.SOURCE_DATE_EPOCH ??
    execFileSync('git', ['log', '-1', '--format=%ct'], { cwd: root, encoding: 'utf8' }).trim();
  return new Date(Number(seconds) * 1000).toISOString();
}

/** A UUID (version 8, RFC 9562) of the content's SHA-256. */
function serialNumber(content) {
  const hex = createHash('sha256').update(JSON.stringify(content)).digest('hex');
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ];
  return `urn:uuid:${parts.join('-')}`;
}

/** Packages by licence, then the texts. */
function licenseList() {
  const packages = productionPackages(root);
  const byLicense = grouped(packages);
  const overview = [...byLicense]
    .sort(([, a], [, b]) => b.length - a.length)
    .map(
      ([license, of]) =>
        `${license} (${of.length})\n${of.map(({ name, version }) => `  ${name} ${version}`).join('\n')}`,
    );
  const texts = packages.map(
    (locked) => `${'='.repeat(80)}\n${locked.name} ${locked.version}: ${locked.license}\n\n${textOf(locked)}`,
  );
  return [...overview, ...texts].join('\n\n') + '\n';
}

function grouped(packages) {
  const found = new Map();
  for (const locked of packages) found.set(locked.license, [...(found.get(locked.license) ?? []), locked]);
  return found;
}

/** The licence and notice files of an installed package. */
function textOf({ folder }) {
  const path = join(root, folder);
  if (!existsSync(path)) return 'Not installed on this platform. The package has its text.';
  const files = readdirSync(path)
    .filter((file) => /^(licen[cs]e|copying|notice)([.-].*)?$/i.test(file))
    .sort();
  if (files.length === 0) return 'The package has no licence file; the name above is that of its manifest.';
  return files.map((file) => readFileSync(join(path, file), 'utf8').trim()).join('\n\n');
}

const [out] = process.argv.slice(2);
if (out === undefined) {
  console.error('usage: node deploy/supply/inventory.mjs FOLDER');
  process.exit(2);
}
mkdirSync(out, { recursive: true });
for (const [file, content] of [
  ['sbom.cdx.json', `${JSON.stringify(billOfMaterials(), null, 2)}\n`],
  ['licenses.txt', licenseList()],
]) {
  writeFileSync(join(out, file), content);
  console.log(resolve(out, file));
}
