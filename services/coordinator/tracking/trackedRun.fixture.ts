/** A run for tests of trackers. Its events come from a list and have fixed times. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseRunConfig } from '@gapo/config';
import type { CloudEvent, EventInput, EventKind, LoggedEvent } from '@gapo/events';
import { toJson, type RunState, type StepReport } from '@gapo/rpc';
import type { TrackedRun } from './tracked/tracker.js';

const created = new Date('2026-01-31T12:00:00.000Z');

const configYaml = [
  'name: bandit',
  'seed: 7',
  'steps: 4',
  'policy: { model: model, lora: { rank: 1, targets: [q_proj] } }',
  'data: { prompts: train.jsonl, heldOut: heldout.jsonl }',
  'objectives: [{ name: letters }, { name: short }]',
  '',
].join('\n');

/** A run whose events a test adds. */
export interface TestRun extends TrackedRun {
  /** Adds an event, a second after the one before. */
  add<K extends EventKind>(kind: K, id: string, data: EventInput<K>): void;
  /** Adds a change of state; the run is in that state afterwards. */
  setState(state: RunState): void;
  /** Returns its events, as trackers get them. */
  readonly events: readonly LoggedEvent[];
}

/** @param directory for the run's files and a checkpoint; created */
export function testRun(directory: string): TestRun {
  const checkpoint = join(directory, 'checkpoint');
  mkdirSync(checkpoint, { recursive: true });
  writeFileSync(join(checkpoint, 'adapter_config.json'), '{"peft_type":"LORA"}\n');
  writeFileSync(join(checkpoint, 'adapter_model.safetensors'), Buffer.from([0, 255, 128, 10]));
  const events: LoggedEvent[] = [];
  let state: RunState = 'RUN_STATE_STARTING';
  const add: TestRun['add'] = (kind, id, data) => {
    const sequence = events.length + 1;
    const message = toJson('gapo.events.v1.RunEvent', { [kind]: data });
    const event = {
      specversion: '1.0',
      id: `bandit/${kind}/${id}`,
      source: 'gapo/coordinator',
      type: `gapo.v1.${kind}`,
      subject: 'bandit',
      time: new Date(created.getTime() + sequence * 1000).toISOString(),
      sequence: String(sequence).padStart(12, '0'),
      datacontenttype: 'application/json',
      data: message[kind],
    } as CloudEvent;
    events.push({ sequence, event, payload: Buffer.from(JSON.stringify(event)) });
  };
  return {
    id: 'bandit',
    created,
    config: parseRunConfig(configYaml, 'run.yaml', undefined),
    directory,
    events,
    add,
    setState(next) {
      add('state', String(events.length + 1), { from: state, to: next, reason: next === 'RUN_STATE_PAUSED' ? 'paused by a user' : '' }); // prettier-ignore
      state = next;
    },
    assertWritable: () => undefined,
    lastEvent: () => events.length,
    async *eventsAfter(number) {
      const later = events.slice(number);
      if (later.length > 0) yield later;
    },
    state: () => state,
    snapshot: () => ({
      id: 'bandit',
      state,
      objectives: ['letters', 'short'],
      preference: { letters: 0.7, short: 0.3 },
      configSha256: 'c0ffee',
      versionSha256: 'beef',
      data: [{ key: 'prompts', file: 'train.jsonl', sha256: 'abc' }],
      checkpoint,
    }),
    configYaml: () => configYaml,
    report: async () => '<!doctype html><title>bandit</title>\n',
  };
}

/** Returns the report of a step. Its numbers are derived from the step and `shift`. */
export function stepReport(step: number, shift = 0): StepReport {
  const objective = (name: string, k: number): StepReport['objectives'][number] => ({
    name,
    rewardMean: step / 4 + k + shift,
    rewardStd: 0.5,
    weight: 0.5,
    alpha: 0.5,
    gradientNorm: 2 ** -step,
    progress: 0.25,
    latencyMs: 16,
    failed: 0,
    outliers: 0,
    cosines: k === 0 ? { short: -0.125 } : {},
  });
  return {
    step,
    objectives: [objective('letters', 0), objective('short', 1)],
    kl: step === 2 ? NaN : 0.0625 * step,
    entropy: 1.5,
    clipFraction: 0,
    maxLogprobGap: 1e-6,
    stationarity: 0.75,
    updateNorm: 1,
    learningRate: 0.1,
    tokens: 64,
    completionLength: 8,
    finishedFraction: 1,
    seconds: 2,
    phases: { sampling: 1, rewards: 0.25, gradients: 0.5, combination: 0.125, checkpoint: 0.125 },
    etaSeconds: 0,
    traceId: '',
    weightsAge: 0,
  };
}

/** Adds the first part of the usual history: two steps, the second with a non-finite KL, and a pause. */
export function beforeTheKill(run: TestRun): void {
  run.setState('RUN_STATE_RUNNING');
  run.add('step', '1', stepReport(1));
  run.add('step', '2', stepReport(2));
}

/** Adds the rest: step 2 is repeated with a different outcome, the preference changes, and the run ends. */
export function afterTheKill(run: TestRun): void {
  run.setState('RUN_STATE_PAUSED');
  run.setState('RUN_STATE_RUNNING');
  run.add('step', '2.1', stepReport(2, 0.5));
  run.add('preference', '1', { step: 3, author: 'ada', before: {}, after: { letters: 0.7, short: 0.3 } });
  run.add('step', '3', stepReport(3));
  run.setState('RUN_STATE_SUCCEEDED');
}
