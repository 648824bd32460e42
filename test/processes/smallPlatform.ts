/** A small platform for measurements: one worker of each kind, the gateway, and the rewards of the tests' workspace or of another project. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeWorkspace } from '../platform.fixture.js';
import { startProcesses, type PlatformOptions, type ProcessPlatform } from './platform.js';

/** The platform, and what it stands on. */
export interface SmallPlatform {
  readonly platform: ProcessPlatform;
  readonly workspace: Awaited<ReturnType<typeof makeWorkspace>>;
  /** The directory with data and logs. */
  readonly root: string;
  /** Processes that ended without being stopped, and how. */
  readonly ended: readonly string[];
}

/** What differs from the tests' workspace. */
export interface SmallPlatformOptions {
  /** Another project, whose rewards are started in place of the workspace's. @default none */
  readonly another?: { readonly directory: string; readonly rewardsFile: string } | undefined;
  /** As for {@link startProcesses}. */
  readonly env?: PlatformOptions['env'];
  readonly nodeOptions?: PlatformOptions['nodeOptions'];
}

/**
 * Starts it.
 *
 * @param name of the program, for its directory
 */
export async function startSmallPlatform(
  name: string,
  { another, env = {}, nodeOptions }: SmallPlatformOptions = {},
): Promise<SmallPlatform> {
  const root = mkdtempSync(join(tmpdir(), `gapo-${name}-`));
  const workspace = await makeWorkspace();
  const ended: string[] = [];
  const platform = await startProcesses({
    root,
    projectDirectories: [workspace.directory, ...(another === undefined ? [] : [another.directory])],
    rewardsFile: another?.rewardsFile ?? join(workspace.directory, 'rewards.yaml'),
    rolloutWorkers: 1,
    gradientWorkers: 1,
    gateway: true,
    env,
    nodeOptions,
    ended: (service, how) => ended.push(`${service}: ${how}`),
  });
  return { platform, workspace, root, ended };
}
