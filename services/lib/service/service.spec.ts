import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startChild } from './child.fixture.js';

const start = (...args: string[]) => startChild('./service.fixture.js', args);

describe('runService', { concurrency: 2 }, () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    test(`${signal} stops the service and exits with 0`, async () => {
      const child = start('serving');
      await child.waitForOutput(/"address":"127\.0\.0\.1:1".*ready/);
      child.kill(signal);
      assert.equal(await child.closed, 0);
      assert.match(child.output(), /stop called/);
      assert.match(child.output(), /"message":"stopped"/);
    });
  }

  test('a service with a help text prints it with --help, and refuses other arguments', async () => {
    const asked = startChild('./service.fixture.js', ['--help'], { HELP: 'settings\n' });
    assert.equal(await asked.closed, 0);
    assert.equal(asked.output(), 'settings\n');
    const wrong = startChild('./service.fixture.js', ['serving'], { HELP: 'settings\n' });
    assert.equal(await wrong.closed, 2);
    assert.equal(
      wrong.output(),
      "found the argument 'serving', expected none but --help and --insecure; settings are environment variables\n",
    );
  });

  test('an expected error is printed as its message alone, exit code 2', async () => {
    const child = start('userError');
    assert.equal(await child.closed, 2);
    assert.equal(child.output(), 'run.yaml: found nothing, expected a file; create it\n');
  });

  test('any error with expected: true is expected', async () => {
    const child = start('expectedObject');
    assert.equal(await child.closed, 2);
    assert.equal(child.output(), 'port 1: taken; choose another\n');
  });

  test('faults of the environment are announced; a mistake in them ends the start', async () => {
    const faulty = startChild('./service.fixture.js', ['serving'], { GAPO_FAULTS: 'file.write=delay:1@7' });
    await faulty.waitForOutput(/"level":"warn".*"faults":\["file\.write=delay:1@7"\].*never set it in production/);
    faulty.kill('SIGTERM');
    assert.equal(await faulty.closed, 0);
    const mistaken = startChild('./service.fixture.js', ['serving'], { GAPO_FAULTS: 'file.wrote=kill' });
    assert.equal(await mistaken.closed, 2);
    assert.match(mistaken.output(), /^GAPO_FAULTS: found "file\.wrote=kill", expected one of the points/);
  });

  test('a defect shows its stack and its cause, exit code 1', async () => {
    const child = start('defect');
    assert.equal(await child.closed, 1);
    assert.match(child.output(), /Error: a defect\n\s+at .*\n[^]*caused by: Error: its cause\n\s+at /);
  });

  test('an error thrown in a callback ends the process like any other', async () => {
    const child = start('uncaught');
    assert.equal(await child.closed, 1);
    assert.match(child.output(), /Error: thrown in a callback\n\s+at /);
  });

  test('an unhandled rejection ends the process like any other error', async () => {
    const child = start('unhandled');
    assert.equal(await child.closed, 2);
    assert.match(child.output(), /^not awaited: what, where, what to do$/m);
  });

  test('a second signal ends a service that does not stop, with the code of the signal', async () => {
    const child = start('stuck');
    await child.waitForOutput(/ready/);
    child.kill('SIGTERM');
    await child.waitForOutput(/stop called/);
    child.kill('SIGINT');
    assert.equal(await child.closed, 130);
  });

  test('a service that does not stop in time is ended anyway', async () => {
    const child = start('stuck', 'short');
    await child.waitForOutput(/ready/);
    child.kill('SIGTERM');
    assert.equal(await child.closed, 0);
    assert.match(child.output(), /did not stop within 50 ms/);
  });

  test('a stop that fails is a defect', async () => {
    const child = start('stopFails');
    await child.waitForOutput(/ready/);
    child.kill('SIGTERM');
    assert.equal(await child.closed, 1);
    assert.match(child.output(), /Error: cannot stop/);
  });

  test('a signal while it starts aborts the start', async () => {
    const child = start('starting');
    await child.waitForOutput(/starting/);
    child.kill('SIGTERM');
    assert.equal(await child.closed, 0);
  });

  test('an unknown LOG_LEVEL is an expected error', async () => {
    const child = startChild('./service.fixture.js', ['serving'], { LOG_LEVEL: 'loud' });
    assert.equal(await child.closed, 2);
    assert.match(child.output(), /^LOG_LEVEL: found "loud", expected one of trace, debug, info/);
  });
});
