/** For the tests of the command: `gapo` as a child process, a real TrainingService, a model that trains in seconds. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { llamaConfig, randomDecoder, toHuggingFaceConfig, writeSafetensors, type LlamaShape } from '@gapo/model';
import { specialToken } from '@gapo/model/testing';
import { serve, type Handlers, type RunInput } from '@gapo/rpc';
import { implementSome } from '@gapo/rpc/testing';
import { projectRoot } from './project.js';

/** Creates a directory that is removed with the test. */
export function temporaryFolder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'gapo-cli-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A running `gapo`. */
export interface RunningCommand {
  child: ChildProcess;
  /** Resolves at the first matching line of stderr or stdout. Rejects if the command ends without one. */
  line(pattern: RegExp): Promise<string>;
  /** How the command ended. */
  ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
}

/** Starts `gapo` with arguments, in this process's directory or another. It is killed at the end of the test. */
export function startGapo(
  t: TestContext,
  args: readonly string[],
  env: Record<string, string> = {},
  cwd = process.cwd(),
): RunningCommand {
  const script = join(projectRoot, 'services/cli/dist/main.js');
  const clean = Object.entries(process.env).filter(([name]) => !/^(OTEL_|GAPO_|NATS_URL|NODE_TEST)/.test(name));
  const child = spawn(process.execPath, [script, ...args], {
    cwd,
    env: { ...Object.fromEntries(clean), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.after(() => child.kill('SIGKILL'));
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  const text = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    createInterface({ input: child[name] }).on('line', (line) => {
      text[name] += `${line}\n`;
      lines.push(line);
      waiting.forEach((look) => look());
    });
  }
  let over = false;
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    child.once('close', (code) => {
      over = true;
      waiting.forEach((look) => look());
      resolve({ code, ...text });
    });
  });
  const line = (pattern: RegExp): Promise<string> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = lines.find((each) => pattern.test(each));
        if (found === undefined && !over) return;
        waiting.delete(look);
        if (found !== undefined) resolve(found);
        else reject(new Error(`gapo ${args.join(' ')} ended without a line like ${pattern}:\n${lines.join('\n')}`));
      };
      waiting.add(look);
      look();
    });
  return { child, line, ended };
}

/** Runs `gapo` to its end. */
export function gapo(
  t: TestContext,
  args: readonly string[],
  env: Record<string, string> = {},
  cwd = process.cwd(),
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return startGapo(t, args, env, cwd).ended;
}

/** Starts a TrainingService on a free port. Methods without a handler respond UNIMPLEMENTED. Returns its address. */
export async function trainingService(
  t: TestContext,
  handlers: Partial<Handlers<'gapo.training.v1.TrainingService'>>,
): Promise<string> {
  const service = implementSome('gapo.training.v1.TrainingService', handlers);
  const server = await serve({ address: '127.0.0.1:0', services: [service], shutdownGraceMs: 0 });
  t.after(() => server.stop());
  return server.address;
}

/** Returns a run with one objective. */
export function someRun(id: string, state: RunInput['state'], step: number, more: RunInput = {}): RunInput {
  return {
    id,
    state: state ?? 'RUN_STATE_RUNNING',
    step,
    totalSteps: 3,
    objectives: ['short'],
    method: 'gapo',
    ...more,
  };
}

const tiny: LlamaShape = {
  vocabulary: 259,
  width: 16,
  feedForward: 32,
  layers: 1,
  heads: 2,
  keyValueHeads: 1,
  headWidth: 8,
  context: 64,
  epsilon: 1e-5,
  ropeTheta: 10_000,
  tiedEmbeddings: true,
  bosId: 1,
  eosIds: [2],
};

/** Writes a random policy over bytes, two rules that score it, prompts and a configuration of a few steps. */
export async function writeTinyProject(folder: string, steps: number): Promise<{ config: string; rewards: string }> {
  const model = join(folder, 'policy');
  mkdirSync(model, { recursive: true });
  const json = (path: string, value: unknown): void => writeFileSync(join(folder, path), JSON.stringify(value));
  json('policy/config.json', toHuggingFaceConfig(tiny, 'LlamaForCausalLM'));
  await writeSafetensors(join(model, 'model.safetensors'), randomDecoder(llamaConfig(tiny), 3));
  const special = ['<unk>', '<s>', '</s>'];
  const bytes = Array.from({ length: 256 }, (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, '0')}>`);
  json('policy/tokenizer.json', {
    version: '1.0',
    added_tokens: special.map(specialToken),
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: { type: 'Sequence', decoders: [{ type: 'ByteFallback' }, { type: 'Fuse' }] },
    model: {
      type: 'BPE',
      unk_token: '<unk>',
      fuse_unk: true,
      byte_fallback: true,
      vocab: Object.fromEntries([...special, ...bytes].map((token, id) => [token, id])),
      merges: [],
    },
  });
  json('policy/tokenizer_config.json', {
    bos_token: '<s>',
    eos_token: '</s>',
    unk_token: '<unk>',
    add_bos_token: true,
  });
  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);
  write(
    'short.yaml',
    'objective: short\nthreshold: 0.5\nrules: [{kind: length, unit: characters, target: 4, scale: 4}]\n',
  );
  write('vowels.yaml', "objective: vowels\nrules: [{kind: regex, pattern: '[aeiou]', flags: i}]\n");
  write(
    'rewards.yaml',
    'rewards:\n  - {name: short, kind: rules, rules: short.yaml}\n  - {name: vowels, kind: rules, rules: vowels.yaml}\n',
  );
  const prompts = (prefix: string, count: number): string =>
    Array.from({ length: count }, (_, i) => `${JSON.stringify({ id: `${prefix}${i}`, prompt: `say ${i}` })}\n`).join(
      '',
    );
  write('train.jsonl', prompts('t', 8));
  write('heldout.jsonl', prompts('h', 4));
  write(
    'run.yaml',
    `name: tiny
seed: 5
steps: ${steps}
policy: { model: policy, train: lora, lora: { rank: 2, alpha: 4 } }
data: { prompts: train.jsonl, heldOut: heldout.jsonl }
rollout: { promptsPerStep: 4, samplesPerPrompt: 2, maxNewTokens: 8, shards: 2 }
objectives: [{ name: short }, { name: vowels }]
optimizer: { learningRate: 1e-2 }
checkpoints: { every: 2, keep: 2 }
`,
  );
  return { config: join(folder, 'run.yaml'), rewards: join(folder, 'rewards.yaml') };
}
