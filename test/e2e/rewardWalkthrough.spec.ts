/** Runs the commands of docs/rewards.md as written: from an empty folder to a score in a running run. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { connect, type StepReport } from '@gapo/rpc';
import { codeOf } from '../documents.fixture.js';
import {
  gapo,
  makeWorkspace,
  project,
  runYaml,
  startPlatform,
  type Platform,
  type Workspace,
} from '../platform.fixture.js';

const walkRun = 'walk';

async function freeAddress(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `127.0.0.1:${port}`;
}

/** A running shell. */
interface Shell {
  /** Its exit code. */
  readonly ended: Promise<number | null>;
  /** Resolves once the output matches; rejects if the shell exits without a match. */
  waitFor(pattern: RegExp): Promise<void>;
  stop(): void;
  output(): string;
}

describe('from an empty folder to a score in a running run', () => {
  let workspace: Workspace;
  let platform: Platform;
  let folder: string;
  let packages: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gapo-walk-'));
    packages = await mkdtemp(join(tmpdir(), 'gapo-walk-packages-'));
    await promisify(execFile)('node', [join(project, 'deploy/npm/pack.mjs'), packages, '@gapo/reward']);
    workspace = await makeWorkspace();
    platform = await startPlatform({ directory: workspace.directory });
  });
  after(async () => {
    await platform.stop();
    await workspace.remove();
    for (const made of [folder, packages]) await rm(made, { recursive: true, force: true });
  });

  /** Runs commands from the document in a shell in the folder. */
  function shell(code: string, address: string): Shell {
    const [, port] = address.split(':');
    // The document starts the service in the background: wait until it listens.
    const preamble = `
set -e
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
gapo() {
  if [ "$1 $2" = "reward check" ]; then
    until (exec 3<>/dev/tcp/127.0.0.1/${port}) 2>/dev/null; do kill -0 $!; sleep 0.1; done
  fi
  command gapo "$@"
}
`;
    const child = spawn('bash', ['-c', preamble + code], {
      cwd: folder,
      env: {
        ...process.env,
        PATH: `${join(project, 'node_modules/.bin')}:${process.env['PATH']}`,
        PACKAGES: packages,
        RUN: walkRun,
        GAPO_COORDINATOR: platform.coordinator,
        npm_config_prefer_offline: 'true',
        npm_config_audit: 'false',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let text = '';
    const observers = new Set<() => void>();
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        text += String(chunk);
        for (const observe of observers) observe();
      });
    }
    const ended = once(child, 'close').then(([code]) => code as number | null);
    const waitFor = (pattern: RegExp): Promise<void> => {
      const found = new Promise<void>((resolve) => {
        const observe = (): void => {
          if (pattern.test(text)) resolve();
        };
        observers.add(observe);
        observe();
      });
      const over = ended.then((code) => {
        if (!pattern.test(text))
          throw new Error(`the commands exited with ${code} before printing ${pattern}:\n${text}`);
      });
      return Promise.race([found, over]);
    };
    return { ended, waitFor, stop: () => child.kill('SIGTERM'), output: () => text };
  }

  test('the documented commands add a reward and remove it, and no other process restarts', async (t) => {
    const [ts] = await codeOf('docs/rewards.md', 'Ten lines');
    const [adding, removing] = await codeOf('docs/rewards.md', 'From an empty folder to a score in a running run');
    assert.ok(ts !== undefined && adding !== undefined && removing !== undefined);
    assert.deepEqual([ts.language, adding.language, removing.language], ['ts', 'sh', 'sh']);
    const commands = adding.code.trim().split('\n');
    assert.ok(commands.length + removing.code.trim().split('\n').length < 10, adding.code);

    const at = ['--coordinator', platform.coordinator];
    const training = connect('gapo.training.v1.TrainingService', platform.coordinator);
    t.after(() => training.close());
    const yaml = runYaml({ steps: '100000', checkpoints: '{ every: 1000 }' });
    await writeFile(workspace.run, yaml);
    const created = await gapo(['train', workspace.run, '--id', walkRun, ...at]);
    assert.equal(created.code, 0, created.stderr);

    await writeFile(join(folder, 'reward.mts'), ts.code);
    const address = await freeAddress();
    const documented = /LISTEN=(\S+)/.exec(adding.code)?.[1] ?? 'no LISTEN=';
    const run = (code: string): Shell => shell(code.replaceAll(documented, address), address);
    /** The next step whose report matches. */
    const until = async (afterStep: number, fits: (step: StepReport) => boolean): Promise<StepReport> => {
      for await (const { step } of training.WatchRun({ runId: walkRun, afterStep }, { deadlineMs: Infinity })) {
        if (step && fits(step)) return step;
      }
      throw new Error('the run ended');
    };
    const names = ({ objectives }: StepReport): string => objectives.map(({ name }) => name).join(' ');

    const first = await until(0, () => true);
    assert.equal(names(first), 'short vowels');
    const walk = run(adding.code);
    t.after(() => walk.stop());
    await walk.waitFor(/It meets the contract\./);
    await walk.waitFor(/walk: concise added; from step \d+: short, vowels, concise/);
    const scored = await until(first.step, (step) => names(step) === 'short vowels concise');
    const next = await until(scored.step, () => true);
    assert.equal(next.step, scored.step + 1);
    for (const { objectives } of [scored, next]) {
      const concise = objectives.at(2);
      assert.ok(concise !== undefined);
      const { rewardMean, gradientNorm, failed: missing } = concise;
      assert.ok(rewardMean > 0 && rewardMean <= 1 && gradientNorm > 0, `mean ${rewardMean}, norm ${gradientNorm}`);
      assert.equal(missing, 0);
    }

    const removal = run(removing.code);
    assert.equal(await removal.ended, 0, removal.output());
    await until(next.step, (step) => names(step) === 'short vowels');
    // No service has restarted, and the run has not stopped.
    assert.ok(platform.services.length >= 6);
    for (const { name, pid } of platform.services) {
      assert.ok(pid !== undefined, name);
      assert.ok(process.kill(pid, 0), `${name} still runs in its first process`);
    }
    const { run: found } = await training.GetRun({ runId: walkRun }, { deadlineMs: Infinity });
    assert.equal(found?.state, 'RUN_STATE_RUNNING');
    await gapo(['cancel', walkRun, ...at]);
    // The document's last command follows the run, and exits with 2 because the run did not reach its last
    // step.
    assert.equal(await walk.ended, 2, walk.output());
  });
});
