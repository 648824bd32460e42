/** Files written by users: run.yaml, rewards.yaml and the files of reward services. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { asWritten, parseRunConfig, readRewardsFile } from '@gapo/config';
import { httpFile, oipFile, readRemoteFile, readRules } from '@gapo/reward-service/testing';
import { canonicalJson } from '@gapo/service';
import { damagedText } from '../mutations/texts.js';
import { type OpenTarget, target } from '../target.js';

/** Fragments with a meaning in YAML. */
const yaml: readonly string[] = [
  '&a [*a]',
  '*a',
  '<<: *a',
  'a: &a [x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b]\nd: [*c, *c, *c, *c]',
  '!!js/function "function () {}"',
  '!!binary aGVsbG8=',
  '!!set { a, b }',
  '!!omap [a: 1]',
  '!!timestamp 2001-12-14',
  '!a!b c',
  '? [a, b]\n: c',
  '? ? ? a',
  '---\n',
  '...\n',
  '%YAML 9.9\n---\n',
  '__proto__: { polluted: true }',
  'constructor: { prototype: { polluted: true } }',
  '"__proto__": 1',
  '{}: 1',
  '[]: 1',
  'null: 1',
  '- - - - - - - -',
  '|\n  text',
  '>-9',
  '"\\x',
  '"\\ud800"',
  '- {',
  ': ',
  '# ',
  '- '.repeat(3000),
  'a: {'.repeat(3000),
  'steps: 1e400',
  'name: ' + 'n'.repeat(4000),
];

const runs: readonly string[] = [
  `name: assistant
seed: 7
steps: 110
policy:
  model: models/policy
  train: lora
  lora: { rank: 16, alpha: 32, targets: [q_proj, v_proj] }
data:
  prompts: prompts/train.jsonl
  heldOut: [a.jsonl, b.parquet]
rollout: { promptsPerStep: 32, samplesPerPrompt: 4, temperature: 1, topP: 0.9, maxNewTokens: 48, shards: 4, stop: ["\\n"] }
objectives:
  - { name: helpful, service: a, onFailure: pause, timeoutSeconds: 30 }
  - name: harmless
combine: { method: gapo, p: 1 }
ppo: { advantages: rloo, clipRange: 0.2 }
kl: { coefficient: 0.05, in: reward }
optimizer: { learningRate: 1.5e-3, schedule: cosine }
checkpoints: { every: 5, keep: 2 }
evaluation: { every: 10 }
`,
  `name: pairs
steps: 4
algorithm: dpo
policy: { model: m, train: full }
data: { pairs: pairs.jsonl, heldOut: heldout.jsonl }
objectives: [{ name: a }, { name: b }]
dpo: { pairsPerStep: 4, beta: 0.5 }
optimizer: { learningRate: 0.1 }
`,
  `name: linear
steps: 4
policy: { model: m }
data: { prompts: p.jsonl }
objectives: [{ name: a }, { name: b }]
combine: { method: linear }
preference: { a: 0.5, b: 0.5 }
`,
];

export const runFiles: OpenTarget = async () =>
  target(
    damagedText(runs, yaml),
    (text) => {
      const config = parseRunConfig(text, 'run.yaml', undefined);
      canonicalJson(asWritten(config));
    },
    { place: 'run.yaml' },
  );

const rewards: readonly string[] = [
  `rewards:
  - { name: helpful, kind: onnx, model: models/helpful }
  - { name: polite, kind: rules, rules: rules.yaml, port: 50061, text: raw }
  - { name: judge, kind: http, config: judge.yaml }
  - { name: triton, kind: oip, config: oip.yaml }
`,
];

export const rewardLists: OpenTarget = async (directory) => {
  const path = join(directory, 'rewards.yaml');
  return target(
    damagedText(rewards, yaml),
    async (text) => {
      await writeFile(path, text);
      readRewardsFile(path);
    },
    { place: path },
  );
};

const rules: readonly string[] = [
  `objective: polite
threshold: 0.5
rules:
  - { kind: length, target: 20, scale: 10, weight: 1 }
  - { kind: contains, words: [please, thank you], weight: 1 }
  - { kind: regex, pattern: '^(sorry|i cannot)', flags: i, weight: -0.5 }
  - { kind: repetition, weight: -1 }
  - { kind: json, weight: 1, schema: { type: object, required: [a] } }
  - { kind: lexicon, weight: 1, words: { good: 1, bad: -1 } }
`,
];

export const ruleFiles: OpenTarget = async (directory) => {
  const path = join(directory, 'rules.yaml');
  return target(
    damagedText(rules, [...yaml, 'pattern: "(a+)+$"', 'pattern: "["', 'schema: { $ref: "#" }', 'schema: rules.yaml']),
    async (text) => {
      await writeFile(path, text);
      await readRules(path);
    },
    { place: 'rules' },
  );
};

const services: readonly string[] = [
  `protocol: judge
objective: helpful
url: https://judge.example.org/v1/chat/completions
model: judge-7b
tokenFile: /run/secrets/token
timeoutSeconds: 20
prompt: 'Grade {completion}'
`,
  `protocol: openrlhf
objective: helpful
url: http://127.0.0.1:5000/get_reward
batch: 8
`,
  `objective: helpful
url: http://127.0.0.1:8001
model: reward
input: TEXT
output: SCORE
`,
];

export const serviceFiles: OpenTarget = async (directory) => {
  const path = join(directory, 'service.yaml');
  return target(
    damagedText(services, yaml),
    async (text) => {
      await writeFile(path, text);
      await (text.includes('protocol') ? readRemoteFile(path, httpFile) : readRemoteFile(path, oipFile));
    },
    { place: path },
  );
};
