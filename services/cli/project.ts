/** Where things lie in what this command belongs to: a checkout, an image or an installed package, laid out alike. */
import { existsSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '@gapo/service';
import { preloadModule as tracingPreload } from '@gapo/tracing';

/** The root: the working directory of every service. This file runs as services/cli/dist/project.js below it. */
export const projectRoot = fileURLToPath(new URL('../../../', import.meta.url));

/** Whether this is a checkout, which has the embedded example and can be built. */
export const isCheckout = existsSync(join(projectRoot, 'examples/assistant'));

/** The module that every service loads first, relative to the root; it turns tracing on where OTEL_* asks for it. */
export const preloadModule = `./${relative(projectRoot, fileURLToPath(tracingPreload))}`;

/** The reward services of the embedded example; elsewhere rewards.yaml of the working directory. */
export const defaultRewardsFile = isCheckout ? join(projectRoot, 'examples/assistant/rewards.yaml') : 'rewards.yaml';

/** Where runs, logs and the state of `gapo up` go. */
export const defaultDataDirectory = 'runs';

/** The coordinator's address where neither --coordinator, nor GAPO_COORDINATOR, nor a `gapo up` that runs here says. */
export const defaultCoordinator = '127.0.0.1:50050';

/**
 * The script of a service, relative to the project's root.
 *
 * @param service its folder, such as `rollout`
 * @param program a folder within the service that holds one of several programs, such as `sft` of `training`
 * @throws UserError where it is not built
 */
export function serviceScript(service: string, program = ''): string {
  const script = join('services', service, 'dist', program, 'main.js');
  if (!existsSync(join(projectRoot, script))) {
    const fix = isCheckout ? `build it with \`npm run build\` in ${projectRoot}` : 'this installation does not have it';
    throw new UserError(`${join(projectRoot, script)} is missing: ${fix}`);
  }
  return script;
}

/** A path that a person gave, from the directory they are in. */
export function fromHere(path: string): string {
  return resolve(process.cwd(), path);
}
