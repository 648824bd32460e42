/** Tests shared by all worker processes: help, invalid settings, a busy port, SIGTERM during a call. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startProcess, takenAddress } from '@gapo/service/testing';
import { policyServer, tinyPolicy, versionMessages, type TinyPolicy } from './testing.fixture.js';

/** A worker under test. */
export interface WorkerUnderTest {
  readonly name: 'rollout' | 'gradient';
  /** Its compiled main.ts. */
  readonly main: URL;
  /** Makes one call and checks that the response is complete. */
  readonly call: (address: string, policy: TinyPolicy) => Promise<void>;
}

/** Tests a worker's process. */
export function testWorkerProcess({ name, main, call }: WorkerUnderTest): void {
  describe(`the ${name} process`, () => {
    test('--help names every setting; a wrong setting, argument or address is one line and exit code 2', async (t) => {
      const taken = await takenAddress(t);
      const start = (env: Readonly<Record<string, string>>, ...args: string[]) => startProcess(main, { args, env }, t);
      const help = start({}, '--help');
      const wrong = start({ THREADS: '0' });
      const busy = start({ LISTEN: taken });
      const surplus = start({}, '--port=1');
      const codes = await Promise.all([help, wrong, busy, surplus].map(({ closed }) => closed));
      assert.deepEqual(codes, [0, 2, 2, 2]);
      for (const variable of [
        'LISTEN',
        'COORDINATOR',
        'THREADS',
        'DEVICE',
        'MODEL_ROOT',
        'MODEL_CACHE',
        'ADDRESS_FILE',
      ])
        assert.match(help.stdout(), new RegExp(`^  ${variable} `, 'm'));
      assert.match(help.stdout(), new RegExp(`Example:\n  .*\n.*services/${name}/dist/main\\.js\n$`));
      assert.equal(wrong.output(), 'environment THREADS: found number 0, expected an integer of at least 1\n');
      assert.match(busy.output(), new RegExp(`^cannot listen on ${taken}: another process holds that port; .*\n$`));
      assert.match(surplus.output(), /^found the argument '--port=1', expected none but --help and --insecure; .*\n$/);
    });

    test('SIGTERM during a call: the call completes, then the process exits with 0', async (t) => {
      const policy = await tinyPolicy(t);
      // A pull means that the call is in progress.
      const coordinator = await policyServer(t, ({ version }) => {
        worker.kill('SIGTERM');
        return versionMessages(version, policy.version(version));
      });
      const env = { LISTEN: '127.0.0.1:0', COORDINATOR: coordinator.address, THREADS: '1', STOP_GRACE_SECONDS: '600' };
      const worker = startProcess(main, { env }, t);
      await call(await worker.address(), policy);
      assert.equal(await worker.closed, 0, worker.output());
      assert.match(worker.output(), /"message":"stopping \(SIGTERM\)"[^]*"message":"stopped"/);
    });
  });
}
