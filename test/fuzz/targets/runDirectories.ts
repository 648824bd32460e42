/** Damaged files that a coordinator finds on disk: runs, their event logs, and checkpoints. */
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseRunConfig } from '@gapo/config';
import {
  createPlatform,
  coordinatorSettings,
  initialState,
  readCheckpoint,
  Runs,
  writeCheckpoint,
} from '@gapo/coordinator/testing';
import { connectEvents } from '@gapo/events';
import { toJson, type RunInput, type StepReport } from '@gapo/rpc';
import { configSha256 } from '@gapo/service';
import fc from 'fast-check';
import { damagedBytes } from '../mutations/bytes.js';
import { damagedJson } from '../mutations/json.js';
import { damagedText } from '../mutations/texts.js';
import { type OpenTarget, target } from '../target.js';
import { Fault } from '../verdict.js';

const configYaml = `name: bandit
steps: 4
policy: { model: model, lora: { rank: 1, targets: [q_proj] } }
data: { prompts: train.jsonl }
objectives: [{ name: letters }, { name: short }]
combine: { method: gapo }
`;

const record = {
  format: 1,
  id: 'bandit',
  created: '2026-01-31T12:00:00.000Z',
  baseDirectory: '/data',
  state: 'RUN_STATE_PAUSED',
  reason: 'paused by a user',
  changes: 3,
  resumptions: 1,
  data: [{ key: 'prompts', file: 'train.jsonl', sha256: 'a'.repeat(64), rows: 6, dropped: 0, truncated: 0 }],
  continues: false,
};

const report: StepReport = {
  step: 1,
  objectives: ['letters', 'short'].map((name) => ({
    name,
    rewardMean: 0.5,
    rewardStd: 0.5,
    weight: 0.5,
    alpha: 0.5,
    gradientNorm: 2,
    progress: 0.25,
    latencyMs: 12,
    failed: 0,
    cosines: {},
  })),
  kl: 0.01,
  entropy: 1.5,
  clipFraction: 0.125,
  maxLogprobGap: 1e-6,
  stationarity: 0.75,
  updateNorm: 0.5,
  learningRate: 1e-3,
  tokens: 1200,
  completionLength: 9.5,
  finishedFraction: 1,
  seconds: 1.5,
  phases: { sampling: 0.7, rewards: 0.1, gradients: 0.6, combination: 0.05, checkpoint: 0.05 },
  etaSeconds: 3,
  traceId: 'ab'.repeat(16),
  weightsAge: 0,
};

const { objectives } = parseRunConfig(configYaml, 'run.yaml', undefined);
const goals = { objectives, preference: { letters: 0.5, short: 0.5 } };
const aim = { step: 2, author: 'ada', at: '2026-01-31T12:00:00.000Z', before: goals, after: goals };

function event(kind: string, id: string, sequence: number, data: object): string {
  return JSON.stringify({
    specversion: '1.0',
    id: `bandit/${kind}/${id}`,
    source: 'gapo/coordinator',
    type: `gapo.v1.${kind}`,
    subject: 'bandit',
    time: '2026-01-31T12:00:00.000Z',
    sequence: String(sequence).padStart(12, '0'),
    datacontenttype: 'application/json',
    data,
  });
}
const events = [
  event('state', '1', 1, { from: 'RUN_STATE_STARTING', to: 'RUN_STATE_RUNNING', reason: '' }),
  event('step', '1', 2, report),
  event('rollout', '1.0.1', 3, { step: 1, shard: 0, worker: 'a', seconds: 1 }),
  event('state', '2', 4, { from: 'RUN_STATE_RUNNING', to: 'RUN_STATE_PAUSED', reason: 'x' }),
];

/** JSON lines, with one line or the whole text damaged. */
function damagedLines(lines: readonly string[]): fc.Arbitrary<string> {
  const line = fc
    .tuple(fc.nat(lines.length - 1), damagedJson(lines))
    .map(([at, text]) => `${lines.with(at, text).join('\n')}\n`);
  return fc.oneof({ weight: 2, arbitrary: line }, { weight: 1, arbitrary: damagedText([`${lines.join('\n')}\n`]) });
}

/**
 * Lists the runs as a coordinator does for a client.
 *
 * @throws Fault if a run is missing
 */
function listed(runs: Runs): void {
  const message = { runs: [...runs.list()] as RunInput[] };
  toJson('gapo.training.v1.ListRunsResponse', message);
  // A run whose files cannot be read is listed with the reason.
  if (message.runs.length !== 2) throw new Fault('lost', `${2 - message.runs.length} of 2 runs are not listed`);
  const other = message.runs.find(({ id }) => id === 'other');
  if (other?.state !== 'RUN_STATE_PAUSED')
    throw new Fault('other', `the undamaged run is ${String(other?.state)}: ${String(other?.reason)}`);
}

export const runDirectories: OpenTarget = async (directory) => {
  const bus = await connectEvents({ source: 'gapo/coordinator', inProcess: true });
  const log = { info() {}, warn() {}, error() {}, debug() {} } as unknown as Parameters<typeof createPlatform>[2];
  const platform = createPlatform(coordinatorSettings({}), bus, log);
  const data = join(directory, 'data');
  const path = join(data, 'bandit');
  const write = async (files: Readonly<Record<string, string>>, at = path): Promise<void> => {
    await mkdir(join(at, 'events'), { recursive: true });
    for (const [name, text] of Object.entries(files)) await writeFile(join(at, name), text);
  };
  const whole = {
    'run.json': JSON.stringify(record),
    'config.yaml': configYaml,
    'steps.jsonl': `${JSON.stringify(report)}\n`,
    'aims.jsonl': `${JSON.stringify(aim)}\n`,
    'events/000000000001.jsonl': `${events.join('\n')}\n`,
  };
  const damage = fc.oneof(
    damagedJson([whole['run.json']]).map((text) => ({ 'run.json': text })),
    damagedText([configYaml]).map((text) => ({ 'config.yaml': text })),
    damagedLines([JSON.stringify(report), JSON.stringify({ ...report, step: 2 })]).map((text) => ({
      'steps.jsonl': text,
    })),
    damagedLines([JSON.stringify(aim)]).map((text) => ({ 'aims.jsonl': text })),
    damagedLines(events).map((text) => ({ 'events/000000000001.jsonl': text })),
  );
  return target(
    damage,
    async (files) => {
      await rm(data, { recursive: true, force: true });
      await write({ ...whole, ...files });
      await write({ ...whole, 'run.json': JSON.stringify({ ...record, id: 'other' }) }, join(data, 'other'));
      const runs = await Runs.open(platform, data);
      try {
        listed(runs);
      } finally {
        await runs.stop(0);
      }
    },
    {
      close: async () => {
        platform.data.close();
        await bus.close();
      },
    },
  );
};

export const checkpoints: OpenTarget = async (directory) => {
  const config = parseRunConfig(configYaml, 'run.yaml', undefined);
  const shapes = [{ name: 'base_model.model.a.lora_A.weight', shape: [2, 2] }];
  const adapter = { config: { peft_type: 'LORA' }, metadata: { format: 'pt' } };
  const owner = { runId: 'bandit', config, shapes, adapter, inputs: { 'policy.model weights': 'b'.repeat(64) } };
  const folder = { checkpoints: join(directory, 'whole'), assertWritable: () => undefined };
  const state = { ...initialState(config, new Float32Array([1, 2, 3, 4])), step: 1 };
  const place = await writeCheckpoint(folder, owner, state, report, { every: 1, keep: 1, steps: 4 });
  const damaged = join(directory, 'damaged');
  const json = await readFile(join(place.directory, 'state.json'), 'utf8');
  const others = (await readdir(place.directory)).filter((name) => name !== 'state.json');
  const bytes = await Promise.all(others.map((name) => readFile(join(place.directory, name))));
  /** A damaged state.json with a valid hash: only its content can reveal the damage. */
  const signed = (text: string): string => {
    try {
      const { sha256: _, ...body } = JSON.parse(text) as Record<string, unknown>;
      return JSON.stringify({ ...body, sha256: configSha256(body) });
    } catch {
      return text;
    }
  };
  const states = damagedJson([json]);
  return target(
    fc.oneof(
      { weight: 2, arbitrary: states.map((text) => ({ name: 'state.json', content: text })) },
      { weight: 4, arbitrary: states.map((text) => ({ name: 'state.json', content: signed(text) })) },
      {
        weight: 1,
        arbitrary: fc
          .nat(others.length - 1)
          .chain((at) => damagedBytes(bytes.slice(at, at + 1)).map((content) => ({ name: others[at] ?? '', content }))),
      },
    ),
    async ({ name, content }: { name: string; content: string | Uint8Array }) => {
      await rm(damaged, { recursive: true, force: true });
      await cp(place.directory, damaged, { recursive: true });
      await writeFile(join(damaged, name), content);
      await readCheckpoint({ step: 1, directory: damaged }, owner);
    },
    { place: damaged },
  );
};
