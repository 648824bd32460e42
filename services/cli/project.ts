/** Paths within the installation: a checkout, an image and an npm package have the same layout. */
import { existsSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '@gapo/service';
import { preloadModule as tracingPreload } from '@gapo/tracing';

/** The root directory, in which every service runs. This file is services/cli/dist/project.js within it. */
export const projectRoot = fileURLToPath(new URL('../../../', import.meta.url));

/** Whether this is a checkout: it can be built, and it contains the example. */
export const isCheckout = existsSync(join(projectRoot, 'examples/assistant'));

/** The module that every service preloads, relative to the root. It enables tracing if OTEL_* variables are set. */
export const preloadModule = `./${relative(projectRoot, fileURLToPath(tracingPreload))}`;

/** The example's reward services in a checkout, otherwise rewards.yaml in the working directory. */
export const defaultRewardsFile = isCheckout ? join(projectRoot, 'examples/assistant/rewards.yaml') : 'rewards.yaml';

/** The directory of runs, logs and the state of `gapo up`. */
export const defaultDataDirectory = 'runs';

/** The coordinator's address unless --coordinator, GAPO_COORDINATOR or a running `gapo up` gives another. */
export const defaultCoordinator = '127.0.0.1:50050';

/**
 * Returns the path of a service's script, relative to the root.
 *
 * @param service its folder, such as `rollout`
 * @param program a folder within the service that contains one of several programs, such as `sft` of `training`
 * @throws UserError if it is not built
 */
export function serviceScript(service: string, program = ''): string {
  const script = join('services', service, 'dist', program, 'main.js');
  if (!existsSync(join(projectRoot, script))) {
    const fix = isCheckout ? `build it with \`npm run build\` in ${projectRoot}` : 'this installation does not have it';
    throw new UserError(`${join(projectRoot, script)} is missing: ${fix}`);
  }
  return script;
}

/** Resolves a path from the command line against the working directory. */
export function fromHere(path: string): string {
  return resolve(process.cwd(), path);
}
