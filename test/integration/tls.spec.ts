/**
 * The platform with certificates from `gapo certs`, accessed from outside with curl, openssl and grpcurl: who gets a
 * response.
 */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createAuthority, issueCertificate, openAuthority, type Authority } from '@gapo/certificates';
import { gapo, makeWorkspace, project, startPlatform, type Platform, type Workspace } from '../platform.fixture.js';

interface Answer {
  readonly code: number;
  readonly text: string;
}

/** Runs a program to its end. */
function ask(program: string, args: readonly string[], input?: string): Promise<Answer> {
  return new Promise((resolve) => {
    const child = execFile(program, args, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, text: stdout + stderr });
    });
    // A program that ends without reading its input breaks the pipe; what is compared is how it ended.
    child.stdin?.on('error', () => undefined).end(input ?? '');
  });
}

const has = (program: string): boolean => spawnSync(program, ['--version']).error === undefined;
const grpcurl = process.env['GRPCURL'];

describe('the platform with TLS', () => {
  let workspace: Workspace;
  let platform: Platform;
  let certificates = '';
  const file = (name: string): string => join(certificates, name);
  const addressOf = (name: string): string =>
    platform.services.find((service) => service.name === name)?.address ?? assert.fail(`no ${name}`);

  before(async () => {
    workspace = await makeWorkspace();
    certificates = join(workspace.directory, 'certificates');
    const made = await gapo(['certs', certificates, '--json']);
    assert.equal(made.code, 0, made.stderr);
    platform = await startPlatform({ directory: workspace.directory, args: ['--tls', certificates] });
    const authority = await openAuthority({
      cert: readFileSync(file('ca.crt'), 'utf8'),
      key: readFileSync(file('ca.key'), 'utf8'),
    });
    await write('expired', authority, -1);
    // The same name, because clients do not send a certificate from an authority that the server does not list.
    const [from, to] = [new Date(Date.now() - 86_400_000), new Date(Date.now() + 86_400_000)];
    await write('stranger', await createAuthority('gapo', from, to), 1);
  });
  after(async () => {
    await platform.stop();
    await workspace.remove();
  });

  /** Writes a certificate with the coordinator's identity and one flaw. */
  async function write(name: string, authority: Authority, days: number): Promise<void> {
    const { cert, key } = await issueCertificate(authority, {
      name,
      uris: ['spiffe://gapo/coordinator'],
      hosts: ['127.0.0.1'],
      notBefore: new Date(Date.now() - 60 * 86_400_000),
      notAfter: new Date(Date.now() + days * 86_400_000),
    });
    writeFileSync(file(`${name}.crt`), cert);
    writeFileSync(file(`${name}.key`), key);
  }

  test('a run trains, started by a command that finds the certificates by itself', async () => {
    const data = join(workspace.directory, 'data');
    const run = await gapo(['train', workspace.run, '--data', data, '--coordinator', platform.coordinator, '--watch'], {
      TLS_CERT_FILE: file('client.crt'),
      TLS_KEY_FILE: file('client.key'),
      TLS_CA_FILE: file('ca.crt'),
    });
    assert.equal(run.code, 0, run.stderr);
    const bare = await gapo(['runs', '--coordinator', platform.coordinator]);
    assert.equal(bare.code, 2);
    assert.match(bare.stderr, /does not answer/);
  });

  test('the page is HTTPS, and HTTP gets nothing', { skip: !has('curl') && 'needs curl' }, async () => {
    assert.match(platform.page, /^https:\/\/127\.0\.0\.1:\d+\/$/);
    const page = `${platform.page}api/runs`;
    const good = await ask('curl', ['--silent', '--show-error', '--cacert', file('ca.crt'), page]);
    assert.equal(good.code, 0, good.text);
    assert.match(good.text, /"runs"/);
    assert.equal((await ask('curl', ['--silent', '--show-error', page])).code, 60);
    assert.notEqual((await ask('curl', ['--silent', page.replace('https:', 'http:')])).code, 0);
    const long = [
      '--header',
      `x-filler: ${'a'.repeat(20_000)}`,
      '--output',
      '/dev/null',
      '--write-out',
      '%{http_code}',
    ];
    assert.equal((await ask('curl', ['--silent', '--cacert', file('ca.crt'), ...long, page])).text, '431');
  });

  describe('grpcurl', { skip: !grpcurl && 'GRPCURL is not set: install Go and run `make test-tools`' }, () => {
    const call = (address: string, method: string, as?: string): Promise<Answer> => {
      const own = as === undefined ? [] : ['-cert', file(`${as}.crt`), '-key', file(`${as}.key`)];
      const protos = ['-import-path', join(project, 'proto')];
      for (const name of ['training', 'policy', 'reward', 'rollout'])
        protos.push('-proto', `gapo/${name}/v1/${name}.proto`);
      return ask(grpcurl ?? '', ['-cacert', file('ca.crt'), ...own, ...protos, '-d', '{}', address, method]);
    };
    const training = 'gapo.training.v1.TrainingService/ListRuns';
    const describeReward = 'gapo.reward.v1.RewardService/Describe';

    test('without a certificate, with a stranger’s, an expired one or one of another role: refused and logged', async () => {
      const reward = addressOf('reward-short');
      const cases: [address: string, method: string, as: string | undefined, expected: RegExp][] = [
        [platform.coordinator, training, undefined, /Unauthenticated[^]*presented no certificate/],
        [platform.coordinator, training, 'stranger', /Unauthenticated[^]*not signed by an authority of TLS_CA_FILE/],
        [platform.coordinator, training, 'expired', /Unauthenticated[^]*has expired/],
        [platform.coordinator, training, 'rollout', /PermissionDenied[^]*spiffe:\/\/gapo\/rollout may not call/],
        [platform.coordinator, 'gapo.policy.v1.PolicyService/GetVersion', 'client', /PermissionDenied/],
        [reward, describeReward, undefined, /Unauthenticated/],
        [reward, describeReward, 'client', /PermissionDenied[^]*only spiffe:\/\/gapo\/coordinator/],
        [addressOf('rollout'), 'gapo.rollout.v1.RolloutService/Generate', 'gradient', /PermissionDenied/],
      ];
      for (const [address, method, as, expected] of cases) {
        const { code, text } = await call(address, method, as);
        assert.notEqual(code, 0, `${method} as ${as ?? 'nobody'}`);
        assert.match(text, expected, `${method} as ${as ?? 'nobody'}`);
      }
      assert.match((await call(platform.coordinator, training, 'client')).text, /"runs"/);
      assert.match((await call(reward, describeReward, 'coordinator')).text, /"objective": "short"/);
      const health = ['-cacert', file('ca.crt'), reward, 'grpc.health.v1.Health/Check'];
      assert.match((await ask(grpcurl ?? '', health)).text, /Unauthenticated|SERVING/);
      assert.notEqual(
        (await ask(grpcurl ?? '', ['-plaintext', '-max-time', '5', platform.coordinator, 'list'])).code,
        0,
      );
      const log = readFileSync(join(workspace.directory, 'data/logs/coordinator.log'), 'utf8');
      const lines = log.split('\n').filter((line) => line.includes('"message":"refused '));
      const refused = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
      assert.equal(refused.filter(({ reason }) => reason === 'certificate').length, 3);
      assert.equal(refused.filter(({ reason }) => reason === 'identity').length, 2);
      const named = refused.find(({ peerName }) => peerName === 'spiffe://gapo/coordinator') ?? assert.fail(log);
      const { peer, refused: count } = named;
      assert.match(String(peer), /^127\.0\.0\.1:\d+$/);
      assert.equal(typeof count, 'number');
    });

    test(
      'renewed certificates are used by running services',
      { skip: !has('openssl') && 'needs openssl' },
      async () => {
        const serial = async (): Promise<string> => {
          const shown = await ask('openssl', [
            's_client',
            '-connect',
            platform.coordinator,
            '-alpn',
            'h2',
            '-CAfile',
            file('ca.crt'),
          ]);
          const [pem = assert.fail(shown.text)] =
            /-----BEGIN CERTIFICATE-----[^]+?-----END CERTIFICATE-----/.exec(shown.text) ?? [];
          return (await ask('openssl', ['x509', '-noout', '-serial'], pem)).text;
        };
        const before = await serial();
        assert.match(before, /^serial=/);
        const renewed = await gapo(['certs', certificates, '--renew', '--json']);
        assert.equal(renewed.code, 0, renewed.stderr);
        // Files are read every ten seconds.
        let now = before;
        while (now === before) now = await serial();
        assert.match((await call(platform.coordinator, training, 'client')).text, /"runs"/);
      },
    );
  });
});
