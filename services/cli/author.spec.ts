/** The author of a change, including a user without a login name, as in a container. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { test } from 'node:test';
import { authorOf } from './author.js';

test('the option takes precedence over GAPO_AUTHOR, and that over the login name', () => {
  assert.equal(authorOf('ada', { GAPO_AUTHOR: 'bob' }), 'ada');
  assert.equal(authorOf(undefined, { GAPO_AUTHOR: ' bob ' }), 'bob');
  for (const env of [{}, { GAPO_AUTHOR: ' ' }]) assert.equal(authorOf(undefined, env), userInfo().username);
});

test('a user without a login name is named by their number', (t) => {
  const passwd = readFileSync('/etc/passwd', 'utf8');
  if (process.getuid?.() !== 0 || passwd.includes(':10001:')) {
    t.skip('only root can run a command as a user without a login name');
    return;
  }
  // The module is passed as text because the other user may not be able to read its directory.
  const module = readFileSync(new URL('author.js', import.meta.url), 'utf8');
  const run = spawnSync(process.execPath, ['--input-type=module', '--eval', `${module}\nconsole.log(authorOf());`], {
    uid: 10_001,
    cwd: '/',
    env: {},
    encoding: 'utf8',
  });
  assert.equal(run.stdout.trim(), 'uid:10001', run.stderr);
});
