// Fault points: nothing happens by default, a rule strikes at the hits that it names, and a mistake is refused.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  faultPoint,
  faultPointAsync,
  faultPoints,
  faultsActive,
  FaultSyntaxError,
  injectFaults,
  observeFaultPoints,
} from './mod.js';

/** Activates faults until the end of the test. */
function inject(t: TestContext, text: string): void {
  injectFaults(text);
  t.after(() => void injectFaults(''));
}

const codeOf = (point: () => void): string | undefined => {
  try {
    point();
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
};

test('a point does nothing by default', () => {
  assert.equal(faultsActive(), false);
  for (const name of Object.keys(faultPoints) as (keyof typeof faultPoints)[]) {
    faultPoint(name, 'x');
    assert.equal(faultPointAsync(name, 'x'), undefined);
  }
});

test('an error strikes at the hit that a rule names, of the details that contain its text', (t) => {
  inject(t, 'file.rename[steps]=error:ENOSPC@2; file.sync=error:EIO@3+');
  const rename = (detail: string) => codeOf(() => faultPoint('file.rename', detail));
  assert.deepEqual(['a/steps.jsonl', 'run.json', 'a/steps.jsonl', 'a/steps.jsonl'].map(rename), [
    undefined,
    undefined,
    'ENOSPC',
    undefined,
  ]);
  const sync = () => codeOf(() => faultPoint('file.sync', ''));
  assert.deepEqual([sync(), sync(), sync(), sync()], [undefined, undefined, 'EIO', 'EIO']);
  assert.equal(
    codeOf(() => faultPoint('file.write', 'steps')),
    undefined,
  );
});

test('an injected error has the form of one of the system, and says that it was injected', async (t) => {
  inject(t, 'rpc.call=error:ECONNRESET');
  await assert.rejects(faultPointAsync('rpc.call', 'S/M') ?? Promise.resolve(), (error: NodeJS.ErrnoException) => {
    assert.deepEqual([error.code, error.syscall], ['ECONNRESET', 'rpc.call']);
    assert.equal(error.message, "ECONNRESET: connection reset by peer, rpc.call 'S/M' (injected by GAPO_FAULTS)");
    return true;
  });
});

test('a delay waits, and lets other work continue at an asynchronous point', async (t) => {
  inject(t, 'rpc.answer=delay:30;file.write=delay:30');
  const start = performance.now();
  const waiting = faultPointAsync('rpc.answer', '');
  await waiting;
  assert.ok(performance.now() - start >= 29);
  const before = performance.now();
  faultPoint('file.write', '');
  assert.ok(performance.now() - before >= 29);
});

test('an observer sees every hit, and can make it fail', (t) => {
  const seen: string[] = [];
  const stop = observeFaultPoints((point, detail) => {
    seen.push(`${point} ${detail}`);
    if (detail === 'bad') throw new Error('no');
  });
  t.after(stop);
  faultPoint('file.write', 'a');
  assert.throws(() => faultPoint('file.sync', 'bad'), /^Error: no$/);
  stop();
  faultPoint('file.write', 'b');
  assert.deepEqual(seen, ['file.write a', 'file.sync bad']);
});

describe('in a process', () => {
  const start = (faults: string, passes: number) => {
    const child = spawn(process.execPath, [fileURLToPath(new URL('child.fixture.js', import.meta.url)), faults, String(passes)]); // prettier-ignore
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    return { child, output: () => output, closed: once(child, 'close') as Promise<[number | null, string | null]> };
  };

  test('a kill leaves nothing after the hit', async () => {
    const { output, closed } = start('file.write=kill@3', 5);
    assert.deepEqual(await closed, [null, 'SIGKILL']);
    assert.equal(output(), 'passed 1\npassed 2\n');
  });

  test('a process that stops continues with SIGCONT', async () => {
    const { child, output, closed } = start('file.write=stop@2', 2);
    await once(child.stdout, 'data');
    // Repeated: the first signals may come before the process has stopped itself.
    const waking = setInterval(() => child.kill('SIGCONT'), 10);
    assert.deepEqual(await closed, [0, null]);
    clearInterval(waking);
    assert.equal(output(), 'passed 1\npassed 2\n');
  });
});

describe('a mistake is refused with what was expected', () => {
  const mistakes: readonly (readonly [string, RegExp])[] = [
    ['file.write', /found "file\.write", expected POINT\[TEXT\]=/],
    ['file.written=kill', /expected one of the points file\.write, /],
    ['constructor=kill', /expected one of the points/],
    ['file.write=explode', /expected kill, stop, error:CODE or delay:MILLISECONDS/],
    ['file.write=error', /expected error: and the code/],
    ['file.write=error:ENOTACODE', /such as error:ENOSPC/],
    ['file.write=delay:soon', /expected delay: and a number/],
    ['file.write=kill:now', /expected no argument of kill/],
    ['file.write=kill@0', /expected POINT/],
    ['file.write=kill; file.sync=', /found "file\.sync="/],
  ];
  for (const [text, message] of mistakes) {
    test(text, () => {
      assert.throws(
        () => injectFaults(text),
        (error) => error instanceof FaultSyntaxError && message.test(error.message),
      );
      assert.equal(faultsActive(), false, 'none of the rules applies');
    });
  }
});
