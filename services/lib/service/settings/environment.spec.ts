import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { z } from 'zod';
import { ConfigError } from './configError.js';
import { describeSettings, readSettings } from './environment.js';
import { directory, hostPort, port, positiveInt } from './schemas.js';

const schema = z.object({
  GAPO_LISTEN: hostPort.default('127.0.0.1:0').describe('where to listen'),
  GAPO_MODEL: directory.describe('the model'),
  GAPO_THREADS: positiveInt.default(2),
  GAPO_REFLECTION: z.boolean().default(true),
  GAPO_WORKERS: z.array(hostPort).default([]),
  GAPO_METRICS_PORT: port.optional(),
});

describe('readSettings', () => {
  test('reads each variable as its type, unset and empty ones as missing', () => {
    const env = {
      GAPO_MODEL: ' models/x ',
      GAPO_THREADS: '8',
      GAPO_REFLECTION: 'no',
      GAPO_WORKERS: 'a:1, b:2',
      GAPO_LISTEN: '',
    };
    assert.deepEqual(readSettings(schema, env), {
      GAPO_LISTEN: '127.0.0.1:0',
      GAPO_MODEL: 'models/x',
      GAPO_THREADS: 8,
      GAPO_REFLECTION: false,
      GAPO_WORKERS: ['a:1', 'b:2'],
    });
  });

  test('names every invalid variable, what was found and what is expected', () => {
    const env = {
      GAPO_MODLE: 'x',
      GAPO_THREADS: '2.5',
      GAPO_REFLECTION: 'maybe',
      GAPO_WORKERS: 'a:1,b',
      GAPO_METRICS_PORT: '0x10',
    };
    assert.throws(
      () => readSettings(schema, env),
      (error) => {
        assert.ok(error instanceof ConfigError);
        assert.deepEqual(error.message.split('\n').sort(), [
          'environment GAPO_METRICS_PORT: found string "0x10", expected a port, an integer from 0 to 65535',
          "environment GAPO_MODEL: found nothing, expected a directory's path (GAPO_MODLE is set: did you mean GAPO_MODEL?)",
          'environment GAPO_REFLECTION: found string "maybe", expected true or false',
          'environment GAPO_THREADS: found number 2.5, expected an integer of at least 1',
          'environment GAPO_WORKERS[1]: found string "b", expected a host:port string',
        ]);
        return true;
      },
    );
  });
});

describe('describeSettings', () => {
  test('returns a row per variable', () => {
    const rows = describeSettings(schema);
    assert.deepEqual(rows.slice(0, 2), [
      {
        name: 'GAPO_LISTEN',
        expected: 'a host:port string',
        required: false,
        description: 'where to listen',
        default: '127.0.0.1:0',
      },
      { name: 'GAPO_MODEL', expected: "a directory's path", required: true, description: 'the model' },
    ]);
    assert.deepEqual(
      rows.filter((row) => row.required).map((row) => row.name),
      ['GAPO_MODEL'],
    );
  });
});
