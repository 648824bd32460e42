/** Where things lie in the project that this command belongs to. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '@gapo/service';

/** The project's root: the working directory of every service. This file runs as services/cli/dist/project.js. */
export const projectRoot = fileURLToPath(new URL('../../../', import.meta.url));

/** The module that every service loads first; it turns tracing on where OTEL_* asks for it. */
export const preloadModule = './services/lib/tracing/dist/preload.js';

/** The reward services of the embedded example. */
export const defaultRewardsFile = join(projectRoot, 'examples/assistant/rewards.yaml');

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
    throw new UserError(`${join(projectRoot, script)} is missing: build it with \`npm run build\` in ${projectRoot}`);
  }
  return script;
}

/** A path that a person gave, from the directory they are in. */
export function fromHere(path: string): string {
  return resolve(process.cwd(), path);
}
