/**
 * A step whose completions vLLM samples is one trace: coordinator, rollout worker with a span per request, the server that receives
 * its W3C context, and the gradient worker. The server's responses are recorded, or come from a real one (vllmServer.ts); PyTorch
 * computes gradients if PYTORCH_PYTHON is set. RECORD=1 with a real server writes the recording.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { findNatsServer } from '@gapo/events';
import { required } from '@gapo/numeric';
import { connect, type StepReport } from '@gapo/rpc';
import { temporaryDirectory, type Owner } from '@gapo/service/testing';
import { suiteOwner } from '@gapo/worker/testing';
import { makeWorkspace, project, runYaml } from '../platform.fixture.js';
import { startProcesses } from '../processes/platform.js';
import { runToTheEnd } from '../processes/runToTheEnd.js';
import { edgesOf, startReceiver, type Receiver, type Span } from '../traces.fixture.js';
import { EngineStandIn, type Arrived } from './engineStandIn.js';
import { command, environment, skip as withoutPytorch } from './pytorch/worker.js';
import {
  hasServer,
  policyCommand,
  policyEnvironment,
  policyFlags,
  policyServerUrl,
  program,
  VllmServer,
} from './vllmServer.js';
import { recordingFile } from './vllmWorker.js';

const recording = recordingFile('vllmRun.json');
const generatePath = '/inference/v1/generate';
const example = join(project, 'examples/assistant');
const runId = 'traced';
const [steps, prompts, samples, maxTokens] = [2, 3, 2, 12];
const hangMs = 10 * 60_000;

const configYaml = runYaml({
  steps: String(steps),
  policy: `{ model: ${join(example, 'models/policy')}, lora: { rank: 4, alpha: 8 } }`,
  rollout: `{ promptsPerStep: ${prompts}, samplesPerPrompt: ${samples}, maxNewTokens: ${maxTokens}, shards: 3 }`,
});

/** The environment of Python exporters, which only send the binary format. */
function inPython({ env }: Receiver): Readonly<Record<string, string>> {
  return { ...env, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' };
}

/** Starts a server that sends its spans to a receiver. */
async function tracedServer(owner: Owner, receiver: Receiver): Promise<string> {
  const endpoint = required(receiver.env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'], 'the endpoint');
  const flags = [...policyFlags, '--otlp-traces-endpoint', endpoint];
  const protocol = { OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/protobuf' };
  return (await VllmServer.start(owner, flags, { ...policyEnvironment, ...protocol })).url;
}

const answers = hasServer ? 'by vLLM' : 'from recorded answers';
const gradients = withoutPytorch === false ? 'PyTorch' : 'the native engine';

describe(
  `traces of steps with completions ${answers} and gradients by ${gradients}`,
  { skip: findNatsServer() === undefined && 'nats-server is missing' },
  () => {
    const owner = suiteOwner();
    const reports: StepReport[] = [];
    let spans: readonly Span[] = [];
    let arrived: readonly Arrived[] = [];
    let url: URL;

    before(async () => {
      const receiver = await startReceiver();
      const upstream = program === undefined ? await policyServerUrl(owner) : await tracedServer(owner, receiver);
      const standIn = new EngineStandIn(recording, upstream);
      url = new URL(await standIn.listen());
      const workspace = await makeWorkspace();
      const python = withoutPytorch === false;
      const platform = await startProcesses({
        root: await temporaryDirectory(owner),
        projectDirectories: [workspace.directory, example],
        rewardsFile: join(workspace.directory, 'rewards.yaml'),
        rolloutWorkers: 1,
        gradientWorkers: 1,
        ...(python && { programs: { 'gradient-1': command } }),
        env: {
          coordinator: receiver.env,
          'rollout-1': {
            ...receiver.env,
            ENGINE: 'vllm',
            ENGINE_URLS: url.href,
            ENGINE_ADAPTER_DIR: await temporaryDirectory(owner),
          },
          'gradient-1': python ? { ...inPython(receiver), ...environment } : receiver.env,
        },
        ended: () => undefined,
      });
      const training = connect('gapo.training.v1.TrainingService', platform.coordinator);
      try {
        const baseDirectory = workspace.directory;
        await training.CreateRun({ configYaml, baseDirectory, runId }, { deadlineMs: 60_000 });
        await runToTheEnd(training, runId, hangMs, ({ step }) => step && reports.push(step));
      } finally {
        training.close();
        await platform.stop(); // the services send their spans before they exit
        await workspace.remove();
      }
      if (process.env['RECORD'] === '1' && upstream !== undefined) standIn.save(recording, policyCommand);
      if (program !== undefined) await serverSpans(receiver.spans, standIn.arrived.filter(isCompletion).length);
      await standIn.close();
      receiver.close();
      ({ spans } = receiver);
      ({ arrived } = standIn);
      assert.deepEqual(standIn.unknown, [], 'every request is one that vLLM has answered');
    });

    /** Waits until the server has sent its spans, which it does every few seconds. */
    async function serverSpans(received: readonly Span[], count: number): Promise<void> {
      while (received.filter(isOfServer).length < count) await delay(200);
    }

    const isCompletion = ({ path }: Arrived): boolean => path === generatePath;
    const isOfServer = ({ name }: Span): boolean => name === 'llm_request';
    const requestsOf = (traceId: string): readonly Span[] =>
      spans.filter((span) => span.traceId === traceId && span.name === 'gapo.rollout.request');

    test('coordinator, rollout worker and gradient worker are in the trace of each step', () => {
      assert.equal(reports.length, steps);
      const [c, r, g] = ['gapo-coordinator', 'gapo-rollout', 'gapo-gradient'];
      const [generate, compute] = [
        'grpc.gapo.rollout.v1.RolloutService/Generate',
        'grpc.gapo.gradient.v1.GradientService/ComputeGradients',
      ];
      for (const { traceId } of reports) {
        const edges = edgesOf(spans, traceId);
        for (const edge of [
          `${c}:rl.loop -> ${c}:rl.sample`,
          `${c}:rl.sample -> ${c}:${generate}`,
          `${c}:${generate} -> ${r}:${generate}`,
          `${r}:${generate} -> ${r}:gapo.rollout.generate`,
          `${r}:gapo.rollout.generate -> ${r}:gapo.rollout.request`,
          `${c}:gapo.step.gradients -> ${c}:${compute}`,
          `${c}:${compute} -> ${g}:${compute}`,
          `${g}:${compute} -> ${g}:gapo.gradient.compute`,
        ])
          assert.ok(edges.has(edge), `no edge ${edge} among\n${[...edges].sort().join('\n')}`);
      }
    });

    test('each completion is one span, with the attributes of OpenTelemetry’s gen_ai convention', () => {
      for (const { step, traceId } of reports) {
        const requests = requestsOf(traceId).map(({ attributes }) => attributes);
        assert.equal(requests.length, prompts * samples);
        for (const of of requests) {
          assert.equal(of.get('gen_ai.operation.name'), 'text_completion');
          assert.equal(of.get('gen_ai.provider.name'), 'vllm');
          assert.match(
            String(of.get('gen_ai.request.model')),
            new RegExp(`^gapo-${runId}-[0-9a-f]{8}-v${step - 1}-[0-9a-f]{16}$`),
          );
          assert.equal(of.get('gen_ai.request.temperature'), 1);
          assert.equal(of.get('gen_ai.request.max_tokens'), maxTokens);
          assert.ok(Number(of.get('gen_ai.usage.input_tokens')) > 0);
          const output = Number(of.get('gen_ai.usage.output_tokens'));
          assert.ok(output > 0 && output <= maxTokens);
          const [reason] = of.get('gen_ai.response.finish_reasons') as readonly string[];
          assert.ok(reason === 'stop' || (reason === 'length' && output === maxTokens));
          assert.equal(of.get('server.address'), url.hostname);
          assert.equal(of.get('server.port'), Number(url.port));
        }
        assert.equal(new Set(requests.map((of) => of.get('gen_ai.request.seed'))).size, requests.length);
      }
    });

    test('each request carries the W3C context of its span', () => {
      // Requests to the base model only query the server's properties.
      const sampled = arrived.filter((one) => isCompletion(one) && one.body['model'] !== 'policy');
      const sent = sampled.map(({ headers }) => String(headers.traceparent));
      const expected = reports.flatMap(({ traceId }) => requestsOf(traceId)).map(({ traceId, spanId }) => `00-${traceId}-${spanId}-01`); // prettier-ignore
      assert.deepEqual(sent.sort(), expected.sort());
    });

    test(
      'the server’s own span is the child of the request',
      { skip: program === undefined && 'VLLM starts none' },
      (t) => {
        const traces = new Set(reports.map(({ traceId }) => traceId));
        const own = spans.filter((span) => isOfServer(span) && traces.has(span.traceId));
        t.diagnostic(`${own.length} spans of ${[...new Set(own.map(({ service }) => service))].join()}`);
        const parents = reports.flatMap(({ traceId }) => requestsOf(traceId)).map(({ spanId }) => spanId);
        assert.deepEqual(own.map(({ parentSpanId }) => parentSpanId).sort(), parents.sort());
      },
    );
  },
);
