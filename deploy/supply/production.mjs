/** The packages of others that run in production, as package-lock.json lists them, and the licences that they may have. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Licences that a production dependency may have, each as its manifest writes it. All of them permit redistribution with the
 * notice alone. Another one needs a person's decision and a line here.
 */
export const allowedLicenses = new Set([
  'Apache-2.0',
  'MIT',
  'ISC',
  'BSD-2-Clause',
  'BSD-3-Clause',
  '0BSD',
  'Unlicense',
  // Of argparse, which js-yaml has for its command line.
  'Python-2.0',
  '(MIT OR CC0-1.0)',
]);

/**
 * @typedef {{ name: string, version: string, license: string | undefined, folder: string }} LockedPackage
 */

/**
 * Returns the packages of others that a production installation can have on any platform, sorted. What only tests and builds
 * need is left out; so are the project's own workspaces.
 *
 * @param {string} root
 * @returns {LockedPackage[]}
 */
export function productionPackages(root) {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const found = new Map();
  for (const [folder, { name, version, license, dev, link }] of Object.entries(packages)) {
    const at = folder.lastIndexOf('node_modules/');
    if (at < 0 || dev === true || link === true) continue;
    const locked = { name: name ?? folder.slice(at + 'node_modules/'.length), version, license, folder };
    const key = `${locked.name}@${locked.version}`;
    if (!found.has(key)) found.set(key, locked);
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, locked]) => locked);
}
