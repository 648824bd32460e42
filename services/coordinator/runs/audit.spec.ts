// Who may do what to a run through the API, and how it is recorded.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { newToken, tokenHash, verifyAudit, type AuditProblem } from '@gapo/access';
import { connect, RpcError, secureProcess, type Client, type Refusal, type RpcCode } from '@gapo/rpc';
import { deadlineMs, runYaml, startCoordinator, startWorld, until } from '../fixtures/world.fixture.js';

type Training = Client<'gapo.training.v1.TrainingService'>;

const hasCode = (code: RpcCode, text: RegExp) => (error: unknown) => {
  assert.ok(error instanceof RpcError && error.code === code, String(error));
  assert.match(error.details, text);
  return true;
};

test('callers need tokens; what they change is recorded by their names in a log that shows tampering', async (t) => {
  const refusals: Refusal[] = [];
  secureProcess({ onRefused: (refusal) => refusals.push(refusal) });
  t.after(() => secureProcess({}));
  const tokens = { vi: newToken(), ada: newToken(), root: newToken() };
  const world = await startWorld(t);
  const tokensFile = join(world.directory, 'tokens.json');
  const roles = { vi: 'viewer', ada: 'operator', root: 'admin' };
  const entries = Object.entries(tokens).map(([name, token]) => ({
    name,
    role: roles[name as keyof typeof roles],
    sha256: tokenHash(token),
  }));
  await writeFile(tokensFile, JSON.stringify(entries));
  await startCoordinator(t, { ...world, env: { ...world.env, TOKENS_FILE: tokensFile } });
  const clientOf = (authorization?: string): Training => {
    const client = connect('gapo.training.v1.TrainingService', world.coordinator.address, {
      metadata: () => (authorization === undefined ? {} : { authorization }),
    });
    t.after(() => client.close());
    return client;
  };
  const [nobody, stranger] = [clientOf(), clientOf(`Bearer ${newToken()}`)];
  const [viewer, operator, admin] = [
    clientOf(`Bearer ${tokens.vi}`),
    clientOf(`Bearer ${tokens.ada}`),
    clientOf(`Bearer ${tokens.root}`),
  ];

  const call = { deadlineMs };
  const runId = 'bandit';
  const request = { configYaml: runYaml({ steps: 100 }), baseDirectory: world.directory, runId };
  for (const client of [nobody, stranger]) {
    await assert.rejects(
      client.ListRuns({}, call),
      hasCode('UNAUTHENTICATED', /^ListRuns needs a token with the role viewer/),
    );
    await assert.rejects(client.CreateRun(request, call), hasCode('UNAUTHENTICATED', /role operator/));
    await assert.rejects(
      async () => {
        for await (const message of client.WatchRun({ runId }, call)) assert.fail(JSON.stringify(message));
      },
      hasCode('UNAUTHENTICATED', /role viewer/),
    );
  }
  await assert.rejects(
    viewer.CreateRun(request, call),
    hasCode('PERMISSION_DENIED', /operator; the token of vi has viewer/),
  );
  assert.deepEqual((await viewer.ListRuns({}, call)).runs, []);

  await operator.CreateRun(request, call);
  await assert.rejects(
    viewer.CancelRun({ runId }, call),
    hasCode('PERMISSION_DENIED', /CancelRun needs the role operator/),
  );
  await operator.PauseRun({ runId }, call);
  await until({ client: viewer }, runId, 'RUN_STATE_PAUSED');
  await operator.PauseRun({ runId }, call); // changes nothing
  const accept = { runId, acceptChangedInputs: true, author: 'somebody else' };
  await assert.rejects(operator.ResumeRun(accept, call), hasCode('PERMISSION_DENIED', /needs the role admin/));
  await admin.ResumeRun(accept, call);
  await operator.CancelRun({ runId }, call);
  assert.deepEqual(
    refusals.map(({ reason }) => reason),
    ['token', 'token', 'token', 'token', 'token', 'token', 'role', 'role'],
  );

  const { lines, headEntries, headSha256 } = await viewer.GetAudit({ runId }, call);
  const head = { entries: headEntries, sha256: headSha256 };
  const whole = verifyAudit(lines, head);
  assert.equal(whole.problem, undefined);
  assert.deepEqual(
    whole.entries.map(({ action, by: { name, role } }) => [action, name, role]),
    [
      ['created', 'ada', 'operator'],
      ['pause', 'ada', 'operator'],
      ['resume', 'root', 'admin'],
      ['cancel', 'ada', 'operator'],
    ],
  );
  assert.equal(whole.entries[2]?.before['state'], 'paused');
  assert.ok(whole.entries.every(({ by: { peer } }) => peer.startsWith('127.0.0.1:')));
  const log = join(world.directory, 'runs', runId, 'audit.jsonl');
  assert.equal(await readFile(log, 'utf8'), lines.map((line) => `${line}\n`).join(''));

  // Tampering with the file.
  const text = (i: number): string => lines[i] ?? '';
  const broken: (readonly [string, readonly string[], AuditProblem['line']])[] = [
    ['edited', lines.with(1, text(1).replace('ada', 'eve')), 2],
    ['the last edited', lines.with(3, text(3).replace('ada', 'eve')), 4],
    ['removed', lines.toSpliced(1, 1), 2],
    ['the first removed', lines.slice(1), 1],
    ['moved', [text(0), text(2), text(1), text(3)], 2],
    ['cut', lines.slice(0, 3), 4],
    ['emptied', [], 1],
    ['torn', lines.with(3, text(3).slice(0, 40)), 4],
    ['repeated', [...lines, text(3)], 5],
  ];
  for (const [how, changed, line] of broken) {
    assert.equal(verifyAudit(changed, head).problem?.line, line, how);
    await writeFile(log, changed.map((each) => `${each}\n`).join(''));
    const read = await viewer.GetAudit({ runId }, call);
    assert.equal(verifyAudit(read.lines, head).problem?.line, line, how);
  }
});
