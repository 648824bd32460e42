/**
 * A coordinator and a gateway with certificates and tokens, attacked from outside with curl and grpcurl: everything is refused, and each
 * refusal is counted and has a log line with its reason.
 */
import assert from 'node:assert/strict';
import { execFile, spawn, spawnSync } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { newToken, tokenHash } from '@gapo/access';
import { createAuthority, issueCertificate, openAuthority, type Authority } from '@gapo/certificates';
import { startProcess, type TestProcess } from '@gapo/service/testing';
import { gapo, makeWorkspace, project, runYaml, type Workspace } from '../platform.fixture.js';

const grpcurl = process.env['GRPCURL'] ?? '';
const lacks =
  (grpcurl === '' && 'GRPCURL is not set: install Go and run `make test-tools`') ||
  (spawnSync('curl', ['--version']).error !== undefined && 'needs curl');

const training = 'gapo.training.v1.TrainingService';

/** Runs a program until it exits and returns its output, which is compared, so that silent success is noticed. */
function ask(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve) => execFile(program, args, (_error, stdout, stderr) => resolve(stdout + stderr)));
}

/** A program that follows a stream. */
interface Follower {
  /** Resolves when its output matches. Rejects if it ends without a match. */
  printed(pattern: RegExp): Promise<void>;
  /** Resolves with its entire output once it has ended. */
  readonly ended: Promise<string>;
}

function follow(program: string, args: readonly string[]): Follower {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = new EventEmitter();
  let text = '';
  let over = false;
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => {
      text += data.toString();
      output.emit('more');
    });
  }
  const ended = once(child, 'close').then(() => {
    over = true;
    output.emit('more');
    return text;
  });
  const printed = async (pattern: RegExp): Promise<void> => {
    while (!pattern.test(text)) {
      assert.ok(!over, `${program} ended without ${pattern}: ${text}`);
      await once(output, 'more');
    }
  };
  return { printed, ended };
}

/** The credentials of a call. */
interface Credentials {
  /** The name of a certificate's files. */
  readonly as?: string;
  readonly token?: string;
}

/** The reasons of the refusals that a service has logged, in order, and the count in the last line. */
function refusalsOf(service: TestProcess): { readonly reasons: readonly unknown[]; readonly count: unknown } {
  const lines = service
    .output()
    .split('\n')
    .filter((line) => line.includes('"message":"refused '))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  for (const { peer } of lines) assert.match(String(peer), /^127\.0\.0\.1:\d+$/);
  return { reasons: lines.map(({ reason }) => reason), count: lines.at(-1)?.['refused'] };
}

describe('what is refused from outside', { skip: lacks }, () => {
  const tokens = { vi: newToken(), ada: newToken() };
  let workspace: Workspace;
  let coordinator: TestProcess;
  let gateway: TestProcess;
  let address = '';
  let page = '';
  let tokensFile = '';
  const file = (name: string): string => join(workspace.directory, 'certificates', name);

  before(async () => {
    workspace = await makeWorkspace();
    const { directory } = workspace;
    assert.equal((await gapo(['certs', join(directory, 'certificates'), '--json'])).code, 0);
    const pem = (name: string): string => readFileSync(file(name), 'utf8');
    const authority = await openAuthority({ cert: pem('ca.crt'), key: pem('ca.key') });
    await certificate('expired', authority, 'spiffe://gapo/client', -1);
    await certificate('renamed', authority, 'spiffe://gapo/intruder', 1);
    await certificate('elsewhere', authority, 'spiffe://other.example/client', 1);
    const [from, to] = [new Date(Date.now() - 86_400_000), new Date(Date.now() + 86_400_000)];
    await certificate('stranger', await createAuthority('gapo', from, to), 'spiffe://gapo/client', 1);
    tokensFile = join(directory, 'tokens.json');
    writeTokens('vi', 'ada');
    const start = (service: string, env: Record<string, string>): TestProcess =>
      startProcess(new URL(`../../../services/${service}/dist/main.js`, import.meta.url), {
        env: {
          LISTEN: '127.0.0.1:0',
          TLS_CERT_FILE: file(`${service}.crt`),
          TLS_KEY_FILE: file(`${service}.key`),
          TLS_CA_FILE: file('ca.crt'),
          ...env,
        },
      });
    coordinator = start('coordinator', {
      DATA_DIR: join(directory, 'data'),
      PROJECT_DIRS: directory,
      TOKENS_FILE: tokensFile,
      REWARD_SERVICES: 'short=127.0.0.1:1,vowels=127.0.0.1:1',
    });
    address = await coordinator.address();
    gateway = start('gateway', { COORDINATOR: address, LISTEN_GRPC: '127.0.0.1:0' });
    page = `https://${await gateway.address()}`;
  });
  after(async () => {
    for (const service of [coordinator, gateway]) service.kill('SIGKILL');
    await Promise.all([coordinator.closed, gateway.closed]);
    await workspace.remove();
  });

  function writeTokens(...names: readonly ('vi' | 'ada')[]): void {
    const roles = { vi: 'viewer', ada: 'operator' };
    const entries = names.map((name) => ({ name, role: roles[name], sha256: tokenHash(tokens[name]) }));
    writeFileSync(tokensFile, JSON.stringify(entries));
  }

  async function certificate(name: string, authority: Authority, uri: string, days: number): Promise<void> {
    const { cert, key } = await issueCertificate(authority, {
      name,
      uris: [uri],
      hosts: ['127.0.0.1'],
      notBefore: new Date(Date.now() - 60 * 86_400_000),
      notAfter: new Date(Date.now() + days * 86_400_000),
    });
    writeFileSync(file(`${name}.crt`), cert);
    writeFileSync(file(`${name}.key`), key);
  }

  const callArguments = (method: string, { as, token }: Credentials, request: object): readonly string[] => {
    const own = as === undefined ? [] : ['-cert', file(`${as}.crt`), '-key', file(`${as}.key`)];
    const header = token === undefined ? [] : ['-H', `authorization: Bearer ${token}`];
    const protos = ['-import-path', join(project, 'proto')];
    for (const name of ['training', 'policy']) protos.push('-proto', `gapo/${name}/v1/${name}.proto`);
    const data = ['-d', JSON.stringify(request)];
    return ['-cacert', file('ca.crt'), ...own, ...header, ...protos, ...data, address, method];
  };
  const call = (method: string, credentials: Credentials, request: object = {}): Promise<string> =>
    ask(grpcurl, callArguments(method, credentials, request));
  const fetchArguments = (path: string, args: readonly string[]): readonly string[] => {
    const quiet = ['--silent', '--show-error', '--no-buffer', '--cacert', file('ca.crt')];
    return [...quiet, ...args, '--write-out', ' %{http_code}', page + path];
  };
  const fetch = (path: string, ...args: readonly string[]): Promise<string> => ask('curl', fetchArguments(path, args));
  const bearer = (token: string): readonly string[] => ['--header', `authorization: Bearer ${token}`];

  test('calls without a right certificate, token or role, and requests for files of others', async () => {
    const { vi, ada } = tokens;
    const yaml = readFileSync(workspace.run, 'utf8');
    const create = (prompts: string, more: object = {}): object => ({
      configYaml: yaml.replace(/prompts: [^ ,}\n]+/, `prompts: ${prompts}`),
      baseDirectory: workspace.directory,
      ...more,
    });
    assert.notEqual(yaml, yaml.replace(/prompts: [^ ,}\n]+/, 'prompts: x'));
    const versions = 'gapo.policy.v1.PolicyService/GetVersion';
    const version = { runId: 'a', version: 0 };
    const refused: readonly (readonly [
      method: string,
      Credentials,
      request: object,
      answer: RegExp,
      reason?: string,
    ])[] = [
      // Tokens are not valid credentials for workers, nor are certificates with another identity.
      [versions, { token: ada }, version, /Unauthenticated[^]*no certificate/, 'certificate'],
      [versions, { as: 'client', token: ada }, version, /PermissionDenied[^]*may not call/, 'identity'],
      [versions, { as: 'renamed' }, version, /PermissionDenied[^]*intruder may not call/, 'identity'],
      [`${training}/ListRuns`, { as: 'stranger', token: ada }, {}, /Unauthenticated[^]*not signed by/, 'certificate'],
      [`${training}/ListRuns`, { as: 'expired', token: ada }, {}, /Unauthenticated[^]*has expired/, 'certificate'],
      [`${training}/ListRuns`, { as: 'renamed', token: ada }, {}, /PermissionDenied[^]*may not call/, 'identity'],
      [`${training}/ListRuns`, { as: 'elsewhere', token: ada }, {}, /PermissionDenied[^]*may not call/, 'identity'],
      [`${training}/ListRuns`, {}, {}, /Unauthenticated[^]*the call has none/, 'token'],
      [`${training}/ListRuns`, { token: newToken() }, {}, /Unauthenticated[^]*it is not a known token/, 'token'],
      [`${training}/CancelRun`, { token: vi }, { runId: 'a' }, /PermissionDenied[^]*token of vi has viewer/, 'role'],
      [`${training}/CreateRun`, { token: vi }, create('/etc/passwd'), /PermissionDenied[^]*role operator/, 'role'],
      [`${training}/CreateRun`, { token: ada }, create('/etc/passwd'), /PermissionDenied[^]*PROJECT_DIRS/, 'path'],
      [
        `${training}/CreateRun`,
        { token: ada },
        create('../../../../etc/passwd'),
        /PermissionDenied[^]*PROJECT_DIRS/,
        'path',
      ],
      [
        `${training}/CreateRun`,
        { token: ada },
        {
          ...create('prompts.jsonl'),
          configYaml: yaml.replace('name: short', 'name: short, service: 169.254.169.254:80'),
        },
        /PermissionDenied[^]*REWARD_ALLOW/,
        'address',
      ],
      // Client mistakes, which reveal nothing new: neither logged nor counted.
      [
        `${training}/CreateRun`,
        { token: ada },
        create('prompts.jsonl', { runId: '../../evil' }),
        /InvalidArgument[^]*evil/,
      ],
      [`${training}/GetRun`, { token: vi }, { runId: '../../etc' }, /NotFound/],
    ];
    for (const [method, as, request, answer] of refused) {
      const text = await call(method, as, request);
      assert.match(text, answer, `${method} ${JSON.stringify(as)}`);
      assert.doesNotMatch(text, /root:|:0:0:/);
    }
    assert.match(await call(`${training}/ListRuns`, { token: vi }), /^\{\s*\}|"runs"/);
    const reasons = refused.flatMap(([, , , , reason]) => reason ?? []);
    assert.deepEqual(refusalsOf(coordinator), { reasons, count: reasons.length });
    assert.deepEqual(
      readdirSync(workspace.directory).filter((name) => name.includes('evil')),
      [],
    );
    for (const secret of [vi, ada]) assert.ok(!coordinator.output().includes(secret.slice(5)));
  });

  test('requests of other sites, without a token, and for files beside the page', async () => {
    const { vi } = tokens;
    const refused: readonly (readonly [path: string, args: readonly string[], answer: RegExp, reason?: string])[] = [
      ['/api/runs', ['--header', 'origin: https://attacker.example', ...bearer(vi)], / 403$/, 'origin'],
      ['/api/runs', ['--header', 'host: attacker.example', ...bearer(vi)], / 403$/, 'origin'],
      [
        '/api/session',
        ['--request', 'POST', '--header', 'sec-fetch-site: cross-site', ...bearer(vi)],
        / 403$/,
        'origin',
      ],
      ['/api/runs', [], / 401$/, 'token'],
      ['/api/runs', bearer(newToken()), /it is not a known token.* 401$/, 'token'],
      ['/api/runs/..%2f..%2fetc%2fpasswd', bearer(vi), / 400$/],
      ['/../../etc/passwd', ['--path-as-is', ...bearer(vi)], / 404$/],
    ];
    const before = refusalsOf(coordinator).reasons.length;
    for (const [path, args, answer] of refused) {
      const text = await fetch(path, ...args);
      assert.match(text, answer, `${path} ${args.join(' ')}`);
      assert.doesNotMatch(text, /root:/);
    }
    assert.match(await fetch('/api/runs', ...bearer(vi)), /"runs".* 200$/);
    const reasons = refused.flatMap(([, , , reason]) => reason ?? []);
    assert.deepEqual(refusalsOf(gateway), { reasons, count: reasons.length });
    // The coordinator, which knows the tokens, refused those two as well.
    assert.deepEqual(refusalsOf(coordinator).reasons.slice(before), ['token', 'token']);
    assert.ok(!gateway.output().includes(vi.slice(5)));
  });

  test('a token that is removed from the file: its streams end, and it opens nothing more', async () => {
    const { vi, ada } = tokens;
    const { directory } = workspace;
    writeFileSync(join(directory, 'pairs.jsonl'), '{"prompt":"Why so slow?","chosen":"It is old.","rejected":"No."}\n');
    const configYaml = runYaml({
      algorithm: 'dpo',
      data: '{ pairs: pairs.jsonl }',
      rollout: '{ shards: 1 }',
      objectives: '[{ name: short }]',
      dpo: '{ pairsPerStep: 1, beta: 0.5 }',
    });
    const runId = 'watched'; // it waits because there is no worker
    const created = await call(
      `${training}/CreateRun`,
      { token: ada },
      { configYaml, baseDirectory: directory, runId },
    );
    assert.match(created, /"id": "watched"/);
    const watch = (token: string): Follower =>
      follow(grpcurl, callArguments(`${training}/WatchRun`, { token }, { runId }));
    const [removed, kept] = [watch(vi), watch(ada)];
    const events = `/api/runs/${runId}/events`;
    const [removedPage, keptPage] = [vi, ada].map((token) => follow('curl', fetchArguments(events, bearer(token))));
    assert.ok(removedPage && keptPage);
    await Promise.all([removed, kept].map((follower) => follower.printed(/"id": "watched"/)));
    await Promise.all([removedPage, keptPage].map((follower) => follower.printed(/gapo\.v1\.state/)));
    const before = refusalsOf(coordinator).reasons.length;

    writeTokens('ada');
    assert.match(await removed.ended, /Code: Unauthenticated\s+Message: the token of vi was removed from TOKENS_FILE/);
    await removedPage.ended;
    assert.match(
      await call(`${training}/GetRun`, { token: vi }, { runId }),
      /Unauthenticated[^]*it is not a known token/,
    );
    assert.match(await fetch(events, ...bearer(vi)), /it is not a known token.* 401$/);
    const { reasons, count } = refusalsOf(coordinator);
    const since = reasons.slice(before);
    // Two streams, a call, and one of the gateway, which may also have asked about the token of its stream.
    assert.ok(since.length >= 4 && since.every((reason) => reason === 'token'), since.join());
    assert.equal(count, reasons.length);
    assert.equal(refusalsOf(gateway).reasons.at(-1), 'token');

    // The other token's streams still receive what happens next.
    await call(`${training}/CancelRun`, { token: ada }, { runId });
    const [text, pageText] = await Promise.all([kept.ended, keptPage.ended]);
    assert.match(text, /"state": "RUN_STATE_CANCELLED"/);
    assert.doesNotMatch(text, /ERROR/);
    assert.match(pageText, /RUN_STATE_CANCELLED[^]* 200$/);
  });
});
