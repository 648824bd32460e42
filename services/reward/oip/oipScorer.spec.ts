// Scorers behind the Open Inference Protocol, against real gRPC servers: the bytes of requests, every response format,
// each failure, and a model that does not match its file.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { createServer as createHttp2Server } from 'node:http2';
import { connect as connectSocket, type AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { selfSigned } from '@gapo/http/testing';
import { at, required } from '@gapo/numeric';
import { oneTurn, served, type RewardClient } from '@gapo/reward/testing';
import {
  implement,
  RpcError,
  serve,
  type CallContext,
  type ModelInferRequest,
  type ModelInferResponseInput,
  type ModelMetadataResponseInput,
} from '@gapo/rpc';
import { temporaryDirectory } from '@gapo/service/testing';
import { openOipScorer } from './oipScorer.js';

/** Calls have no deadline because the machine may be busy. */
const deadlineMs = Infinity;

const text = (name: string): { name: string; datatype: string; shape: number[] } => ({
  name,
  datatype: 'BYTES',
  shape: [-1],
});
const usual: ModelMetadataResponseInput = {
  name: 'm',
  versions: ['9', '10'],
  inputs: [text('prompt'), text('completion')],
  outputs: [{ name: 'score', datatype: 'FP32', shape: [-1] }],
};

type Infer = (
  request: ModelInferRequest,
  context: CallContext,
) => Promise<ModelInferResponseInput> | ModelInferResponseInput;

/** A server with one model. */
async function modelServer(
  t: TestContext,
  infer: Infer,
  { metadata = usual, ready = true }: { metadata?: ModelMetadataResponseInput; ready?: boolean } = {},
): Promise<string> {
  const service = implement('inference.GRPCInferenceService', {
    ServerReady: async () => ({ ready: true }),
    ModelReady: async ({ name }) => ({ ready: ready && name === 'm' }),
    ModelMetadata: async () => metadata,
    ModelInfer: async (request, context) => infer(request, context),
  });
  const server = await serve({ address: '127.0.0.1:0', services: [service], shutdownGraceMs: 0 });
  t.after(() => server.stop());
  return server.address;
}

async function file(t: TestContext, yaml: string): Promise<string> {
  const path = join(await temporaryDirectory(t), 'reward.yaml');
  await writeFile(path, yaml);
  return path;
}

const inputs = "inputs: [{ name: prompt, text: '{prompt}' }, { name: completion, text: '{completion}' }]";

/** A reward service that calls the model m at a target. */
async function client(t: TestContext, target: string, more = inputs, token?: string): Promise<RewardClient> {
  const path = await file(t, `objective: helpful\nmodel: m\ntarget: ${target}\n${more}\n`);
  return served(t, await openOipScorer({ path, token }));
}

const items = ['a', 'ü', ''].map((completion, i) => ({ id: String(i), prompt: 'why?', completion }));

async function outcomes(service: RewardClient): Promise<unknown[]> {
  const { results } = await service.Score({ items }, { deadlineMs });
  return results.map(({ score, error }) => score ?? error);
}

const floats = (...values: number[]): Buffer => Buffer.from(Float32Array.from(values).buffer);
const doubles = (...values: number[]): Buffer => Buffer.from(Float64Array.from(values).buffer);
const answering =
  (datatype: string, shape: number[], raw?: Buffer, contents?: Record<string, number[]>): Infer =>
  () => ({
    outputs: [{ name: 'score', datatype, shape, ...(contents && { contents }) }],
    rawOutputContents: raw ? [raw] : [],
  });
const ones = answering('FP32', [3], floats(1, 1, 1));

describe('requests', () => {
  test('texts as BYTES, raw: each after its length, with parameters, headers, a token and the caller’s deadline', async (t) => {
    const callerMs = 600_000;
    const calls: [ModelInferRequest, CallContext][] = [];
    const target = await modelServer(t, (request, context) => {
      calls.push([request, context]);
      return answering('FP32', [3], floats(1.5, -2, 0))(request, context);
    });
    const more = `
modelVersion: '7'
parameters: { truncate: true, most: 512, share: 0.5, mode: fast }
headers: { x-tenant: acme }
timeoutMs: 1200000
inputs:
  - { name: prompt, text: '{prompt}' }
  - { name: completion, text: "{prompt} {completion}{other}" }
`;
    const service = await client(t, target, more, 'secret\n');
    const tricky = [{ id: '0', prompt: '{completion}', completion: 'ü' }, ...items.slice(1)];
    const { results, version } = await service.Score({ items: tricky }, { deadlineMs: callerMs });
    assert.deepEqual(results.map(({ score }) => score), [1.5, -2, 0]); // prettier-ignore
    assert.match(version, /^[0-9a-f]{16}\+7$/);
    const [request, context] = at(calls, 0);
    const { modelName, modelVersion, parameters, outputs, rawInputContents } = request;
    assert.deepEqual([modelName, modelVersion, outputs.map(({ name }) => name)], ['m', '7', ['score']]);
    assert.deepEqual(
      Object.fromEntries(
        Object.entries(parameters).map(([key, value]) => [key, value.parameterChoice && value[value.parameterChoice]]),
      ),
      { truncate: true, most: 512, share: 0.5, mode: 'fast' },
    );
    assert.deepEqual(
      request.inputs.map(({ name, datatype, shape, contents }) => [name, datatype, shape, contents]),
      [
        ['prompt', 'BYTES', [3], null],
        ['completion', 'BYTES', [3], null],
      ],
    );
    const why = '04000000' + Buffer.from('why?').toString('hex');
    assert.equal(
      at(rawInputContents, 0).toString('hex'),
      `0c000000${Buffer.from('{completion}').toString('hex')}${why}${why}`,
    );
    const second = ['{completion} ü{other}', 'why? ü{other}', 'why? {other}'].map((each) => Buffer.from(each));
    assert.deepEqual(
      rawInputContents[1],
      Buffer.concat(second.flatMap((each) => [Buffer.from([each.length, 0, 0, 0]), each])),
    );
    const { metadata } = context.parent as unknown as { metadata: { get(key: string): string[] } };
    assert.deepEqual([metadata.get('authorization'), metadata.get('x-tenant')], [['Bearer secret'], ['acme']]);
    const { deadline } = context;
    assert.ok(deadline && deadline.getTime() <= Date.now() + callerMs, 'the deadline is the caller’s, not timeoutMs');
  });

  test('texts as BYTES inside the tensors, of the rank in the metadata, in batches', async (t) => {
    const asked: ModelInferRequest[] = [];
    const metadata = { ...usual, inputs: [{ ...text('completion'), shape: [-1, 1] }] };
    const target = await modelServer(
      t,
      (request) => {
        asked.push(request);
        const texts = request.inputs[0]?.contents?.bytesContents ?? [];
        return { outputs: [{ name: 'score', datatype: 'FP64', shape: [texts.length, 1], contents: { fp64Contents: texts.map(({ length }) => length) } }] }; // prettier-ignore
      },
      { metadata },
    );
    const more = "contents: typed\nbatch: 2\nconcurrency: 1\ninputs: [{ name: completion, text: '{completion}' }]";
    assert.deepEqual(await outcomes(await client(t, target, more)), [1, 2, 0]);
    assert.deepEqual(asked.map((request) => request.inputs[0]?.shape), [[2, 1], [1, 1]]); // prettier-ignore
    assert.deepEqual(asked[0]?.rawInputContents, []);
  });

  test('the bytes on the wire are those of the protocol, both ways', async (t) => {
    const requests = new Map<string, string>();
    // Field numbers as https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/open_inference_grpc.proto has them.
    const answers: Record<string, string> = {
      ModelReady: '0801',
      // name m; inputs: t, BYTES, [-1].
      ModelMetadata: '0a016d' + '2216' + '0a0174' + '12054259544553' + '1a0a' + 'ffffffffffffffffff01',
      // model_name m, model_version 3; output s, FP32, [1]; raw 1.0.
      ModelInfer: '0a016d' + '120133' + '2a0c' + '0a0173' + '120446503332' + '1a0101' + '32040000803f',
    };
    const server = createHttp2Server();
    server.on('stream', (stream, headers) => {
      const method = String(headers[':path']).replace('/inference.GRPCInferenceService/', '');
      const parts: Buffer[] = [];
      stream.on('data', (part: Buffer) => parts.push(part));
      stream.on('end', () => {
        requests.set(method, Buffer.concat(parts).subarray(5).toString('hex'));
        const message = Buffer.from(required(answers[method], `an answer to ${method}`), 'hex');
        const head = Buffer.alloc(5);
        head.writeUInt32BE(message.length, 1);
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
        stream.end(Buffer.concat([head, message]));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const path = await file(
      t,
      `{ objective: x, model: m, target: '127.0.0.1:${(server.address() as AddressInfo).port}', parameters: { k: 5 }, inputs: [{ name: t, text: '{completion}' }], output: { name: s } }`,
    );
    const scorer = await openOipScorer({ path });
    t.after(() => server.close());
    t.after(() => scorer.close());
    const found = await scorer.score([oneTurn('', 'hi')], new AbortController().signal);
    assert.deepEqual(found, [{ score: 1 }]);
    assert.match(scorer.description.version, /\+3$/);
    assert.equal(requests.get('ModelReady'), '0a016d');
    assert.equal(requests.get('ModelMetadata'), '0a016d');
    assert.equal(
      requests.get('ModelInfer'),
      '0a016d' + // model_name: m
        '2207' + '0a016b' + '12021005' + // parameters: k, int64_param 5
        '2a0d' + '0a0174' + '12054259544553' + '1a0101' + // inputs: t, BYTES, [1]
        '3203' + '0a0173' + // outputs: s
        '3a06' + '020000006869', // raw_input_contents: 2, hi
    ); // prettier-ignore
  });

  test('over TLS, if the certificate is trusted', async (t) => {
    const authority = await selfSigned(t);
    if (authority === undefined) return t.skip('needs openssl to make a certificate');
    const [host = '', port = ''] = (await modelServer(t, ones)).split(':');
    const options = { key: authority.key, cert: authority.pem, ALPNProtocols: ['h2'] };
    const front = createTlsServer(options, (socket) => {
      const behind = connectSocket(Number(port), host);
      socket.pipe(behind).pipe(socket);
      socket.on('error', () => behind.destroy()).on('close', () => behind.destroy());
      behind.on('error', () => socket.destroy());
    });
    await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
    t.after(() => front.close());
    const target = `localhost:${(front.address() as AddressInfo).port}`;
    const trusted = await client(t, target, `${inputs}\ntls: true\nca: ${authority.path}`);
    assert.deepEqual(await outcomes(trusted), [1, 1, 1]);
    await assert.rejects(
      client(t, target, `${inputs}\ntls: true`),
      /cannot read its metadata: UNAVAILABLE: its certificate is not signed by an authority .*ca for a model server/,
    );
    const missing = client(t, target, `${inputs}\ntls: true\nca: none.pem`);
    await assert.rejects(missing, /reward\.yaml: ca: .*none\.pem contains no certificate \(PEM\): ENOENT/);
    const bad = join(dirname(authority.path), 'bad.pem');
    await writeFile(bad, 'nothing of the kind');
    await assert.rejects(
      client(t, target, `${inputs}\ntls: true\nca: ${bad}`),
      /ca: .*bad\.pem contains no certificate/,
    );
  });
});

describe('answers', () => {
  const log2 = Math.log(2);
  const forms: readonly (readonly [string, Infer, string, readonly number[]])[] = [
    ['FP32 [n], raw', answering('FP32', [3], floats(1, 2.5, -3)), '{}', [1, 2.5, -3]],
    ['FP32 [n, 1], raw', answering('FP32', [3, 1], floats(1, 2.5, -3)), '{}', [1, 2.5, -3]],
    ['FP64 [n], raw', answering('FP64', [3], doubles(0.1, 1e-300, -3)), '{}', [0.1, 1e-300, -3]],
    [
      'FP16 [n], raw',
      answering('FP16', [3], Buffer.from(Uint16Array.of(0x3e00, 0x8001, 0xfbff).buffer)),
      '{}',
      [1.5, -(2 ** -24), -65504],
    ],
    ['FP32 typed', answering('FP32', [3], undefined, { fp32Contents: [1, 0.5, 0] }), '{ name: score }', [1, 0.5, 0]],
    ['FP64 typed', answering('FP64', [3], undefined, { fp64Contents: [1, 0.1, 0] }), '{}', [1, 0.1, 0]],
    ['a column', answering('FP32', [3, 2], floats(1, 2, 3, 4, 5, 6)), '{ column: 1 }', [2, 4, 6]],
    ['sigmoid', answering('FP32', [3], floats(0, Infinity, -1000)), '{ activation: sigmoid }', [0.5, 1, 0]],
    [
      'softmax',
      answering('FP64', [3, 2], doubles(0, log2, 1000, 1000, 1000, -1000)),
      '{ column: 1, activation: softmax }',
      [2 / 3, 0.5, 0],
    ],
  ];
  for (const [what, infer, output, expected] of forms) {
    test(what, async (t) => {
      const metadata = { ...usual, outputs: [] };
      const service = await client(t, await modelServer(t, infer, { metadata }), `${inputs}\noutput: ${output}`);
      const found = (await outcomes(service)) as number[];
      found.forEach((score, i) =>
        assert.ok(Math.abs(score - at(expected, i)) < 1e-12, `${score} is not ${at(expected, i)}`),
      );
      const { minimum, maximum } = await service.Describe({}, { deadlineMs });
      assert.deepEqual([minimum, maximum], output.includes('activation') ? [0, 1] : [undefined, undefined]);
    });
  }

  const refusal = (code: 'UNAVAILABLE' | 'INVALID_ARGUMENT'): Infer => {
    return () => {
      throw new RpcError(code, 'no room');
    };
  };
  const two: Infer = () => ({ outputs: [{ name: 'a' }, { name: 'b' }], rawOutputContents: [] });
  const failures: readonly (readonly [string, Infer, string, RegExp, boolean?])[] = [
    ['another number of rows', answering('FP32', [2], floats(1, 2)), '{}', /^output score has the shape \[2\] for 3 items; expected \[3\] or \[3, columns\]$/],
    ['three dimensions', answering('FP32', [3, 1, 1], floats(1, 2, 3)), '{}', /^output score has the shape \[3, 1, 1\]/],
    ['columns without a choice', answering('FP32', [3, 2], floats(1, 2, 3, 4, 5, 6)), '{}', /^output score has 2 columns per item; set output\.column/],
    ['a column beyond', answering('FP32', [3, 2], floats(1, 2, 3, 4, 5, 6)), '{ column: 2 }', /^output score has 2 columns/],
    ['no output', () => ({}), '{}', /^the answer has the outputs \(none\); expected one$/],
    ['several outputs', two, '{}', /^the answer has the outputs a, b; expected one$/],
    ['another output', two, '{ name: score }', /^the answer has the outputs a, b; expected score$/],
    ['softmax of one column', answering('FP32', [3, 1], floats(1, 2, 3)), '{ activation: softmax }', /^output score has one column, whose softmax/],
    ['too few bytes', answering('FP32', [3], floats(1, 2)), '{}', /^output score has 8 bytes; expected 12 of FP32$/],
    ['too few elements', answering('FP32', [3], undefined, { fp32Contents: [1] }), '{}', /^output score has 1 elements; expected 3 of FP32$/],
    ['FP16 that is not raw', answering('FP16', [3], undefined, { fp32Contents: [1, 1, 1] }), '{}', /^output score has 0 elements; expected 3 of FP16$/],
    ['another datatype', answering('INT64', [3], Buffer.alloc(24)), '{}', /^output score is INT64; a score can be read from FP16, FP32, FP64$/],
    ['an overloaded server', refusal('UNAVAILABLE'), '{}', /^UNAVAILABLE: no room$/, true],
    ['a refusal', refusal('INVALID_ARGUMENT'), '{}', /^INVALID_ARGUMENT: no room$/],
    ['no answer', () => new Promise(() => undefined), '{}\ntimeoutMs: 1000', /^DEADLINE_EXCEEDED: /, true],
  ]; // prettier-ignore
  for (const [what, infer, output, message, retryable = false] of failures) {
    test(`${what} is an error of each item`, async (t) => {
      const metadata = { ...usual, outputs: [] };
      const service = await client(
        t,
        await modelServer(t, infer, { metadata }),
        `${inputs}\nretries: 0\noutput: ${output}`,
      );
      for (const outcome of await outcomes(service)) {
        const error = outcome as { message: string; retryable: boolean };
        const [server, rest = ''] = error.message.split(/: (.*)/);
        assert.match(server ?? '', /^model m at 127\.0\.0\.1:\d+$/);
        assert.match(rest, message);
        assert.equal(error.retryable, retryable);
      }
    });
  }

  test('a score that is not finite is an error of its item alone', async (t) => {
    const target = await modelServer(t, answering('FP32', [3], floats(1, NaN, Infinity)));
    const found = `model m at ${target}: output score gives the score`;
    assert.deepEqual(await outcomes(await client(t, target)), [
      1,
      { message: `${found} NaN; expected a finite number`, retryable: false },
      { message: `${found} Infinity; expected a finite number`, retryable: false },
    ]);
  });

  test('an overloaded model is asked again', async (t) => {
    let busy = 2;
    const target = await modelServer(t, (request, context) => {
      if ((busy -= 1) >= 0) throw new RpcError('RESOURCE_EXHAUSTED', 'no room');
      return ones(request, context);
    });
    assert.deepEqual(await outcomes(await client(t, target)), [1, 1, 1]);
  });

  test('another version of the model is another version of the scores', async (t) => {
    let modelVersion = '10';
    const target = await modelServer(t, () => ({
      modelVersion,
      outputs: [{ name: 'score', datatype: 'FP32', shape: [3] }],
      rawOutputContents: [floats(1, 1, 1)],
    }));
    const service = await client(t, target);
    const { version } = await service.Describe({}, { deadlineMs });
    assert.match(version, /^[0-9a-f]{16}\+10$/, 'the newest version of the server');
    assert.equal((await service.Score({ items }, { deadlineMs })).version, version);
    modelVersion = '11';
    assert.equal((await service.Score({ items }, { deadlineMs })).version, version.replace('+10', '+11'));
  });

  test('a caller that cancels cancels the request', async (t) => {
    let cancelled = (): void => undefined;
    const gone = new Promise<void>((resolve) => (cancelled = resolve));
    const caller = new AbortController();
    const target = await modelServer(t, (_, { signal }) => {
      signal.addEventListener('abort', cancelled);
      caller.abort();
      return new Promise(() => undefined);
    });
    const service = await client(t, target);
    await assert.rejects(service.Score({ items }, { deadlineMs, signal: caller.signal }), { code: 'CANCELLED' });
    await gone;
  });
});

describe('a model that does not match its file is refused at the start', () => {
  const output = (shape: number[], datatype = 'FP32', name = 'score'): ModelMetadataResponseInput => ({
    ...usual,
    outputs: [{ name, datatype, shape }],
  });
  const input = (shape: number[], datatype = 'BYTES'): ModelMetadataResponseInput => ({
    ...usual,
    inputs: [text('prompt'), { name: 'completion', datatype, shape }],
  });
  const cases: readonly (readonly [string, ModelMetadataResponseInput, string, RegExp])[] = [
    ['an unknown input', { ...usual, inputs: [text('prompt'), text('reply')] }, '{}', /inputs\[1\] is completion; the model has prompt, reply$/],
    ['an input of numbers', input([-1], 'INT64'), '{}', /inputs\[1\] completion is INT64; expected BYTES, which carries text$/],
    ['an input of another shape', input([-1, 4]), '{}', /inputs\[1\] completion has the shape \[-1, 4\]; expected \[-1\] or \[-1, 1\]$/],
    ['an unknown output', usual, '{ name: reward }', /output is reward; the model has score$/],
    ['no choice of output', { ...usual, outputs: [...(usual.outputs ?? []), { name: 'x' }] }, '{}', /output has no name; the model has score, x$/],
    ['an output of another datatype', output([-1], 'INT32'), '{}', /output score is INT32; a score can be read from FP16, FP32, FP64$/],
    ['an output of another shape', output([-1, 4, 2]), '{}', /output score has the shape \[-1, 4, 2\]; expected/],
    ['no choice of column', output([-1, 2]), '{}', /output score has 2 columns; set column to the one to score$/],
    ['softmax of one column', usual, '{ activation: softmax }', /output score has one column, whose softmax is always 1; use sigmoid or raw$/],
    ['a column beyond', output([-1, 2]), '{ column: 2 }', /output score has 2 columns; column is 2, expected 0 to 1$/],
  ]; // prettier-ignore
  for (const [what, metadata, chosen, message] of cases) {
    test(what, async (t) => {
      const target = await modelServer(t, ones, { metadata });
      await assert.rejects(client(t, target, `${inputs}\noutput: ${chosen}`), (error) => {
        assert.match(String(error), message);
        assert.match(String(error), /reward\.yaml: model m at 127\.0\.0\.1:\d+: /);
        return true;
      });
    });
  }

  test('all mismatches at once, a line each', async (t) => {
    const metadata = { ...input([-1], 'FP32'), outputs: [{ name: 'x', datatype: 'BOOL', shape: [-1] }] };
    const wrong = client(t, await modelServer(t, ones, { metadata }));
    await assert.rejects(wrong, ({ message }: Error) => message.split('\n').length === 2);
  });

  test('an invalid token, which the error does not quote', async (t) => {
    const wrong = client(t, await modelServer(t, ones), inputs, 'sec\nret');
    await assert.rejects(wrong, {
      message: 'REWARD_TOKEN: contains a character that an HTTP header cannot; expected printable ASCII',
    });
  });

  test('a model that is not ready, and no server at the address', async (t) => {
    const refusal =
      /model m at 127\.0\.0\.1:\d+: cannot read its metadata: UNAVAILABLE: (.*); start the server, or correct/;
    const unready = client(t, await modelServer(t, ones, { ready: false }));
    await assert.rejects(unready, ({ message }: Error) => refusal.exec(message)?.[1] === 'the model m is not ready');
    await assert.rejects(
      client(t, '127.0.0.1:1'),
      ({ message }: Error) => refusal.exec(message)?.[1] === 'connection refused',
    );
  });
});

test('an invalid file is refused with the place of the mistake', async (t) => {
  const refused = async (more: string, message: RegExp): Promise<void> =>
    assert.rejects(client(t, '127.0.0.1:1', more), message);
  await refused('inputs: []', /inputs: found .*expected a list of \{name, text\}/);
  await refused(
    "inputs: [{ name: x, text: 'prompt' }]",
    /inputs\[0\]\.text: found .*expected a text with \{prompt\} or \{completion\} in it/,
  );
  await refused(`${inputs}\noutput: { activation: tanh }`, /output\.activation: found/);
  await refused(`${inputs}\nheaders: { grpc-timeout: x }`, /headers.*grpc-timeout/);
  await refused(
    `${inputs}\nheaders: { x-tenant: 'ü' }`,
    /headers\.x-tenant: found string "ü", expected printable ASCII/,
  );
  await refused(`${inputs}\nca: x.pem`, /ca: found .*expected tls: true beside it/);
  await refused(`${inputs}\nminimum: 1\nmaximum: 0`, /minimum: found number 1, expected a number less than maximum/);
  await refused(`${inputs}\nmodle: x`, /unknown key "modle".*did you mean "model"/);
});
