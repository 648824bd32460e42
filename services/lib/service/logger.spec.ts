import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { startChild } from './child.fixture.js';
import { prettyLine } from './logger.js';

describe('logger', () => {
  test('lines are JSON with level, time, name and message', async () => {
    const child = startChild('./service.fixture.js', ['modules']);
    assert.equal(await child.closed, 0);
    const lines = child
      .output()
      .split('\n')
      .filter((line) => line.startsWith('{'));
    const line = JSON.parse(lines.at(-1) ?? '') as Record<string, unknown>;
    assert.deepEqual(Object.keys(line).sort(), ['level', 'message', 'name', 'time']);
    assert.equal(line['level'], 'info');
    assert.equal(line['name'], 'gapo-fixture');
  });

  test('LOG_LEVEL silences lower levels', async () => {
    const child = startChild('./service.fixture.js', ['modules'], { LOG_LEVEL: 'error' });
    assert.equal(await child.closed, 0);
    assert.doesNotMatch(child.output(), /\{/);
  });

  test('a terminal shows one short line, errors with their stack', () => {
    const time = '2026-01-02T03:04:05.678Z';
    const plain = (line: object) => stripVTControlCharacters(prettyLine(JSON.stringify(line)));
    assert.equal(
      plain({ level: 'info', time, name: 'rollout', message: 'ready', address: 'a:1', n: 2, trace_id: 'x' }),
      '03:04:05 info  rollout: ready address=a:1 n=2\n',
    );
    assert.equal(
      plain({ level: 'error', time, name: 'r', message: 'no', error: { message: 'no', stack: 'Error: no\n  at x' } }),
      '03:04:05 error r: no\nError: no\n  at x\n',
    );
  });
});
