/**
 * make chaos: injects kills, stops, cuts and full disks, on a schedule determined by a seed, while a run trains; then compares
 * the result with an undisturbed run.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median } from '@gapo/numeric';
import { z } from '@gapo/service';
import { makeWorkspace, project } from '../platform.fixture.js';
import { programSettings, runProgram, say, type Findings } from '../processes/program.js';
import { checksOf } from './checks.js';
import { costsOf, costTable } from './costs.js';
import { historySchema } from './history.js';
import { trial, type TrialOptions, type TrialWorld } from './trial.js';

const count = (standard: number) => z.coerce.number().int().min(0).default(standard);

const settings = programSettings({
  SEED: count(1),
  KILLS: count(100),
  ROLLOUT: count(1),
  GRADIENT: count(1),
  STEPS: count(40),
  WORLD: z.enum(['example', 'tiny']).default('example'),
});

/** A checkpoint after every step gives an event with the version's SHA-256. */
function worldOf(directory: string, yaml: string): TrialWorld {
  const steps = yaml.replace(/^steps: .*$/m, `steps: ${settings.STEPS}`);
  return {
    baseDirectory: directory,
    rewardsFile: join(directory, 'rewards.yaml'),
    configYaml: `${steps}\ncheckpoints: { every: 1, keep: 2 }\n`,
    steps: settings.STEPS,
  };
}

const undisturbedSchema = z.object({ history: historySchema, medianSeconds: z.number() });

/** Returns the file in which the undisturbed run for this state of the project is cached; undefined outside a git checkout. */
function keptAt(world: TrialWorld): string | undefined {
  try {
    const git = (...args: string[]): string => execFileSync('git', args, { cwd: project, encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] }); // prettier-ignore
    const services = ['--', 'services', 'examples'];
    const state = [
      git('rev-parse', 'HEAD:services', 'HEAD:examples'),
      git('diff', 'HEAD', ...services),
      world.configYaml,
    ];
    const name = createHash('sha256').update(state.join('\n')).digest('hex').slice(0, 16);
    return join(tmpdir(), 'gapo-chaos', `${settings.WORLD}-${name}.json`);
  } catch {
    return undefined;
  }
}

async function undisturbed(options: TrialOptions): Promise<z.output<typeof undisturbedSchema>> {
  const kept = keptAt(options.world);
  if (kept !== undefined && existsSync(kept)) {
    say(`the undisturbed run is in ${kept}`);
    return undisturbedSchema.parse(JSON.parse(readFileSync(kept, 'utf8')));
  }
  say('the undisturbed run');
  const { history, intervals } = await trial({ ...options, faults: 0, rolloutWorkers: 1, gradientWorkers: 1 });
  const result = { history, medianSeconds: median(intervals.slice(1)) };
  if (kept !== undefined) {
    mkdirSync(join(kept, '..'), { recursive: true });
    writeFileSync(kept, JSON.stringify(result));
  }
  return result;
}

async function measure(): Promise<Findings> {
  const example = join(project, 'examples/assistant');
  const workspace = settings.WORLD === 'tiny' ? await makeWorkspace() : undefined;
  const directory = workspace?.directory ?? example;
  const world = worldOf(directory, readFileSync(join(directory, 'run.yaml'), 'utf8'));
  const root = mkdtempSync(join(tmpdir(), 'gapo-chaos-'));
  const { SEED: seed, KILLS: faults, ROLLOUT: rolloutWorkers, GRADIENT: gradientWorkers } = settings;
  const options = { world, seed, faults, rolloutWorkers, gradientWorkers, say };
  const whole = await undisturbed({ ...options, root: join(root, 'undisturbed') });
  say(
    `${faults} faults, seed ${seed}, ${rolloutWorkers} rollout and ${gradientWorkers} gradient workers; logs in ${root}`,
  );
  const result = await trial({ ...options, root: join(root, 'disturbed') });
  const checks = checksOf(result, whole.history, world.steps);
  const costs = costsOf(result, whole.medianSeconds);
  const summary = {
    seed,
    faults: result.struck.length,
    rolloutWorkers,
    gradientWorkers,
    steps: world.steps,
    resumptions: result.resumptions,
    events: result.replayed.length,
    seconds: result.seconds,
    medianSeconds: whole.medianSeconds,
    adapterSha256: result.history.adapterSha256,
    costs,
  };
  const text = [
    `${costTable(costs)}\n`,
    `${summary.faults} faults in ${result.seconds.toFixed(0)} s, ${summary.resumptions} resumptions, ${summary.events} events, median step ${whole.medianSeconds.toFixed(2)} s undisturbed`,
    `adapter ${summary.adapterSha256}`,
  ].join('\n');
  await workspace?.remove();
  return { checks, data: summary, text, root };
}

await runProgram(measure);
