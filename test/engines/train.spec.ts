/**
 * Training the example with rollouts on a real vLLM server: what it learns, and a server that fails during training.
 */
import assert from 'node:assert/strict';
import { before, describe, test, type TestContext } from 'node:test';
import { at } from '@gapo/numeric';
import type { StepReport } from '@gapo/rpc';
import { suiteOwner } from '@gapo/worker/testing';
import { EngineStandIn } from './engineStandIn.js';
import { retriesIn, trainExample } from './exampleRun.js';
import {
  policyEnvironment,
  policyFlags,
  policyServerUrl,
  program,
  skipWithoutProgram,
  skipWithoutServer,
  VllmServer,
} from './vllmServer.js';
import { isLoad, paths } from './vllmWorker.js';

const steps = 10;
/** The log message of a shard lost by a failing server. */
const lost = /retrying sampling shard.* the vllm server http:\S+: (cannot be reached|the connection )/;
const hanging = /retrying sampling shard.* the vllm server http:\S+: no answer within/;

const mean = (reports: readonly StepReport[], k: number): number =>
  reports.reduce((sum, { objectives }) => sum + at(objectives, k).rewardMean, 0) / reports.length;

/** The messages of one step. */
const retriesOf = (step: number, log: string): readonly string[] =>
  retriesIn(log).filter((message) => message.includes(`of step ${step} `));

/** A quarter of the completions of each step. */
const smaller = (yaml: string): string => yaml.replace('promptsPerStep: 32', 'promptsPerStep: 8');

/** Asserts that completions were sampled from the policy being trained. */
function assertClose(reports: readonly StepReport[]): void {
  for (const { maxLogprobGap } of reports) assert.ok(maxLogprobGap < 1e-4);
}

describe('training with vLLM', { skip: skipWithoutServer }, () => {
  const owner = suiteOwner();
  let server: VllmServer | undefined;
  let upstream: string | undefined;
  before(async () => {
    if (program !== undefined) server = await VllmServer.start(owner, policyFlags, policyEnvironment);
    upstream = server?.url ?? (await policyServerUrl(owner));
  });

  /** A proxy for the server that a test can make fail. */
  async function standInOf(t: TestContext): Promise<{ readonly standIn: EngineStandIn; readonly url: string }> {
    const standIn = new EngineStandIn(undefined, upstream);
    t.after(() => standIn.close());
    return { standIn, url: await standIn.listen() };
  }

  test('the example learns, with another adapter in each step and log-probabilities as the trainer’s', async (t) => {
    const { standIn, url } = await standInOf(t);
    const { reports } = await trainExample(t, { url, steps });
    const loads = standIn.arrived.filter(isLoad);
    // A server that seems lost for a moment gets its adapter loaded again.
    const versions = new Set(loads.map(({ body }) => /-v(\d+)-/.exec(String(body['lora_name']))?.[1]));
    assert.deepEqual(
      [...versions],
      Array.from({ length: steps }, (_, version) => String(version)),
    );
    assertClose(reports);
    const rise = [0, 1].map((k) => mean(reports.slice(-3), k) - mean(reports.slice(0, 3), k));
    const shown = rise.map((by) => by.toFixed(3)).join(', ');
    t.diagnostic(`rewards of the last three steps above those of the first three: ${shown}`);
    assert.ok(at(rise, 0) + at(rise, 1) > 0);
  });

  test('a connection that breaks or hangs in the middle of a step: the step is redone, and the log names the server', async (t) => {
    const { standIn, url } = await standInOf(t);
    const failing: Record<number, { readonly failure: 'reset' | 'hang'; readonly named: RegExp }> = {
      2: { failure: 'reset', named: lost },
      5: { failure: 'hang', named: hanging },
    };
    const { reports, log } = await trainExample(t, {
      url,
      steps: 7,
      configured: smaller,
      coordinator: { WORKER_WAIT_SECONDS: '600' },
      onStep: (step, logged) => {
        const next = failing[step];
        if (next === undefined) return;
        let sampled = 0;
        // After some completions of the next step, nothing answers until the coordinator has noticed.
        standIn.intervene = ({ path }) => {
          if (path === paths.generate) sampled += 1;
          if (sampled < 20) return 'pass';
          if (path === '/health' && next.named.test(logged())) standIn.intervene = () => 'pass';
          return next.failure;
        };
      },
    });
    t.diagnostic(retriesIn(log).join('\n'));
    assert.match(log, lost);
    assert.match(log, hanging);
    assertClose(reports);
  });

  test(
    'a server that is killed or stopped in the middle of a step: the run continues by itself, and the log names the server',
    { skip: skipWithoutProgram },
    async (t) => {
      assert.ok(server !== undefined);
      const own = server;
      const { standIn, url } = await standInOf(t);
      let logged = (): string => '';
      const resumed = setInterval(() => {
        if (retriesOf(4, logged()).some((message) => hanging.test(message))) own.signal('SIGCONT');
      }, 100);
      t.after(() => clearInterval(resumed));
      // A fault begins with the first request for a step's completions and prevents its response.
      const faults = new Map([
        [2, () => void own.kill().then(() => own.spawn())],
        [4, () => undefined],
      ]);
      standIn.intervene = ({ path, body }) => {
        const [, version] = /-v(\d+)-/.exec(String(body['model'])) ?? [];
        const step = 1 + Number(version);
        const fault = path === paths.generate ? faults.get(step) : undefined;
        if (fault === undefined) return 'pass';
        faults.delete(step);
        own.signal('SIGSTOP');
        setTimeout(fault, 500); // the request has arrived by then
        return 'pass';
      };
      const { reports, log, states } = await trainExample(t, {
        url,
        steps: 5,
        configured: smaller,
        onProgress: (_, soFar) => (logged = soFar),
      });
      t.diagnostic([...retriesIn(log), ...states].join('\n'));
      const loads = own.log.match(/Loaded new LoRA adapter: name 'gapo-vllm-\w+-v1-/g) ?? [];
      assert.ok(loads.length > 1, 'the adapter of step 2 was loaded again');
      assert.ok(retriesOf(2, log).some((message) => lost.test(message) && message.includes(url)));
      assert.ok(retriesOf(4, log).some((message) => hanging.test(message) && message.includes(url)));
      assertClose(reports);
    },
  );
});
