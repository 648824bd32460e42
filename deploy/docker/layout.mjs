/**
 * Lays out what each service's image holds beside its installed packages: `node deploy/docker/layout.mjs SERVICE...`.
 *
 * Copies the service and every workspace that it depends on, directly or not, to .images/SERVICE under the same relative
 * paths as in the repository: package.json and the compiled files, without specs, fixtures, declarations and source maps.
 * The proto folder comes along with services/lib/rpc, which reads it at run time.
 */
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { closure, copyCompiled } from '../workspaces.mjs';

const root = process.cwd();
const leftOut = /\.(spec|fixture)\.|\.d\.(ts|mts)$|\.map$|\.tsbuildinfo$/;

function layOut(service) {
  const out = join(root, '.images', service);
  rmSync(out, { recursive: true, force: true });
  for (const folder of closure(root, [`services/${service}`])) {
    cpSync(join(root, folder, 'package.json'), join(out, folder, 'package.json'));
    copyCompiled(root, folder, join(out, folder, 'dist'), leftOut);
  }
  cpSync(join(root, 'proto'), join(out, 'proto'), { recursive: true });
}

const services = process.argv.slice(2);
if (services.length === 0) throw new Error('usage: node deploy/docker/layout.mjs SERVICE...');
for (const service of services) layOut(service);
