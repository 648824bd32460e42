import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { settingsHelp } from './help.js';
import { directory, hostPort } from './schemas.js';

test('a help text names every setting, its values, whether it is required, and an example', () => {
  const schema = z.object({
    LISTEN: hostPort.default('127.0.0.1:0').describe('Where it listens.'),
    A_VERY_LONG_MODEL_NAME: directory.describe('The model.'),
    WORKERS: z.array(hostPort).default([]).describe('The workers to call.'),
  });
  const example = 'LISTEN=127.0.0.1:7000 \\\n  node main.js';
  assert.equal(
    settingsHelp({ title: 'A service.', schema, example, extra: 'Also LOG_LEVEL.' }),
    `A service.

Settings are environment variables:

  LISTEN                  Where it listens.
                          a host:port string; default 127.0.0.1:0
  A_VERY_LONG_MODEL_NAME  The model.
                          a directory's path; required
  WORKERS                 The workers to call.
                          a list, each a host:port string; optional

Also LOG_LEVEL.

Example:
  LISTEN=127.0.0.1:7000 \\
    node main.js
`,
  );
});
