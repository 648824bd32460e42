/** Requests to real services: HTTP to the gateway, gRPC to coordinator and workers. */
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect as connectHttp2, type ClientHttp2Session, constants } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { startProcess, type TestProcess } from '@gapo/service/testing';
import fc from 'fast-check';
import { project } from '../../platform.fixture.js';
import { damagedBytes } from '../mutations/bytes.js';
import { damagedText } from '../mutations/texts.js';
import { type OpenTarget, target } from '../target.js';
import { Fault } from '../verdict.js';
import { example } from './messages.js';

const local = '127.0.0.1:0';

function start(service: string, env: Readonly<Record<string, string>>): TestProcess {
  const main = new URL(`../../../../services/${service}/dist/main.js`, import.meta.url);
  return startProcess(main, { env: { LISTEN: local, ...env } });
}

/** @throws Fault if the service logged a bug, recognisable by a stack trace */
function assertSound(service: string, output: string): void {
  const stack = /^.*"stack".*$/m.exec(output)?.[0] ?? /^\s+at .*$/m.exec(output)?.[0];
  if (stack !== undefined)
    throw new Fault(`${service}${stack.slice(0, 200)}`, `${service} logged: ${stack.slice(0, 1500)}`);
}

async function stop(child: TestProcess): Promise<void> {
  child.kill('SIGKILL');
  await child.closed;
}

const requests: readonly string[] = [
  'GET /api/runs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
  'GET /api/runs/bandit/steps?after=1 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nConnection: close\r\n\r\n',
  'GET /api/runs/bandit HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nConnection: close\r\n\r\n',
  'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
  'POST /api/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 8\r\nConnection: close\r\n\r\n{"a": 1}',
  'GET /api/runs/none/events HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: a/step/1\r\nConnection: close\r\n\r\n',
];

const http: readonly string[] = [
  '..%2f..%2f..%2fetc%2fpasswd',
  '/../../etc/passwd',
  '%',
  '%zz',
  '%00',
  '%ff',
  '//evil.example.org/',
  'http://evil.example.org/',
  '?after=1&after=2',
  '?after[]=1',
  '?after=1e9',
  '?__proto__[a]=1',
  'Transfer-Encoding: chunked\r\n',
  'Content-Length: -1\r\n',
  'Content-Length: 99999999999\r\n',
  'Expect: 100-continue\r\n',
  'Upgrade: websocket\r\n',
  'Host: evil.example.org\r\n',
  'Host: [::1\r\n',
  'Origin: null\r\n',
  'HTTP/0.9',
  'HTTP/9.9',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'OPTIONS *',
  'TRACE',
  'CONNECT a:1',
  '/'.repeat(20_000),
  `X: ${'x'.repeat(20_000)}\r\n`,
  'a'.repeat(9000),
];

/** Sends bytes and reads until the server ends the connection. */
async function exchange(port: number, bytes: Buffer): Promise<string> {
  const socket = connectTcp(port, '127.0.0.1');
  socket.on('error', () => undefined); // the server may reset the connection before reading everything
  await once(socket, 'connect');
  const closed = new Promise((resolve) => socket.once('close', resolve));
  let text = '';
  socket.setEncoding('latin1').on('data', (part: string) => (text += part));
  // Ends the request, however much of it was announced.
  socket.end(bytes);
  await closed;
  return text;
}

export const httpRequests: OpenTarget = async () => {
  // Nothing listens at this coordinator's address: the tested code ends before it would be called.
  const gateway = start('gateway', { LISTEN_GRPC: local, COORDINATOR: '127.0.0.1:9' });
  const port = Number((await gateway.address()).split(':').at(-1));
  return target(
    fc.oneof(
      { weight: 4, arbitrary: damagedText(requests, http).map((text) => Buffer.from(text)) },
      { weight: 1, arbitrary: damagedBytes(requests.map((text) => Buffer.from(text))) },
    ),
    async (bytes) => {
      const answer = await exchange(port, bytes);
      const status = /^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1];
      if (status === '500') throw new Fault('500', `the gateway answered ${answer.slice(0, 600)}`);
    },
    {
      async check() {
        const answer = await exchange(
          port,
          Buffer.from('GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'),
        );
        if (!answer.startsWith('HTTP/1.1 200'))
          throw new Fault('gone', `the gateway answers ${answer}: ${gateway.output()}`);
        assertSound('the gateway', gateway.output());
      },
      close: () => stop(gateway),
    },
  );
};

/** A method of a service. */
interface Method {
  readonly path: string;
  readonly request: string;
}

/** The methods of a service, from its proto file. */
function methodsOf(service: string): readonly Method[] {
  const root = join(project, 'proto');
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.proto'));
  return files.flatMap((file) => {
    const text = readFileSync(join(root, file), 'utf8');
    const scope = /^package ([\w.]+);/m.exec(text)?.[1] ?? '';
    const name = /^service (\w+)/m.exec(text)?.[1] ?? '';
    if (`${scope}.${name}` !== service) return [];
    return [...text.matchAll(/rpc (\w+)\((?:stream )?([\w.]+)\)/g)].map(([, method = '', request = '']) => ({
      path: `/${service}/${method}`,
      request: request.includes('.') ? request : `${scope}.${request}`,
    }));
  });
}

const deadlineMs = 20_000;

/** Calls a method with arbitrary bytes. Returns the status and its message. */
async function call(session: ClientHttp2Session, path: string, bytes: Buffer): Promise<string> {
  const frame = Buffer.alloc(5);
  frame.writeUInt32BE(bytes.length, 1);
  const stream = session.request({
    [constants.HTTP2_HEADER_METHOD]: 'POST',
    [constants.HTTP2_HEADER_PATH]: path,
    'content-type': 'application/grpc',
    te: 'trailers',
    'grpc-timeout': `${deadlineMs}m`,
  });
  let status = '';
  const note = (headers: Record<string, unknown>): void => {
    if (headers['grpc-status'] === undefined) return;
    const { 'grpc-status': code, 'grpc-message': message = '' } = headers as Record<string, string>;
    status = `${code} ${decodeURIComponent(message)}`;
  };
  stream.on('response', note).on('trailers', note).resume();
  // A watch of an existing run does not end on its own.
  stream.on('data', () => stream.close());
  stream.end(Buffer.concat([frame, bytes]));
  await once(stream, 'close').catch((error: unknown) => {
    throw new Fault('stream', `${path}: ${String(error)}`);
  });
  return status;
}

/** The grpc-js response to bytes that are not a message of the method. */
const undecodable = /^13 .*(deserializ|index out of range|invalid|illegal|nesting depth|serialization)/i;

function grpcTarget(
  service: string,
  program: string,
  env: (directory: string) => Readonly<Record<string, string>>,
): OpenTarget {
  return async (directory) => {
    const child = start(program, env(directory));
    const session = connectHttp2(`http://${await child.address()}`);
    const methods = methodsOf(service);
    const input = fc
      .constantFrom(...methods)
      .chain(({ path, request }) =>
        damagedBytes([example(request), Buffer.alloc(0)]).map((bytes) => ({ path, bytes })),
      );
    return target(
      input,
      async ({ path, bytes }) => {
        const status = await call(session, path, bytes);
        if (/^(2|13) /.test(status) && !undecodable.test(status)) {
          throw new Fault(
            `${path} ${status.slice(0, 60)}`,
            `${path} answered ${status.slice(0, 1000)}: ${child.output().slice(-1500)}`,
          );
        }
      },
      {
        async check() {
          if (session.destroyed)
            throw new Fault('gone', `${program} ended the connection: ${child.output().slice(-1500)}`);
          assertSound(program, child.output());
        },
        async close() {
          session.destroy();
          await stop(child);
        },
      },
    );
  };
}

const coordinatorEnv = (directory: string): Readonly<Record<string, string>> => ({
  DATA_DIR: join(directory, 'data'),
  ROLLOUT_WORKERS: '127.0.0.1:9',
  GRADIENT_WORKERS: '127.0.0.1:9',
});

export const trainingCalls = grpcTarget('gapo.training.v1.TrainingService', 'coordinator', coordinatorEnv);
export const policyCalls = grpcTarget('gapo.policy.v1.PolicyService', 'coordinator', coordinatorEnv);
export const rolloutCalls = grpcTarget('gapo.rollout.v1.RolloutService', 'rollout', () => ({
  COORDINATOR: '127.0.0.1:9',
  THREADS: '1',
}));
export const gradientCalls = grpcTarget('gapo.gradient.v1.GradientService', 'gradient', () => ({
  COORDINATOR: '127.0.0.1:9',
  THREADS: '1',
}));
