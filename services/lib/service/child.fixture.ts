/** Child processes of this package's tests. */
import { startProcess, type TestProcess } from './testing.fixture.js';

/** Starts `node` on a file next to this one, with only the given environment and PATH. */
export function startChild(
  file: string,
  args: string[],
  env: Record<string, string> = {},
  nodeArgs: string[] = [],
): TestProcess {
  return startProcess(new URL(file, import.meta.url), { args, env, nodeArgs });
}
