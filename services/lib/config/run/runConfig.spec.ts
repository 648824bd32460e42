// The run configuration: defaults, and one line per problem.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { required } from '@gapo/numeric';
import { ConfigError, yamlText } from '@gapo/service';
import { conditionOf, conditionerOf } from './condition.js';
import { asWritten, objectiveNames, parseRunConfig } from './runConfig.js';

const services = new Set(['helpful', 'harmless']);

const least = `
name: assistant
steps: 120
policy: { model: models/policy }
data: { prompts: prompts/train.jsonl }
objectives: [{ name: helpful }, { name: harmless }]
`;

/** Returns the lines of the error. */
function problems(extra: string, base = least): string[] {
  try {
    parseRunConfig(base + extra, 'run.yaml', services);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message.split('\n');
  }
  assert.fail('the configuration was accepted');
}

test('keys that are left out have their documented defaults', () => {
  const config = parseRunConfig(least, 'run.yaml', services);
  assert.deepEqual(objectiveNames(config), ['helpful', 'harmless']);
  assert.deepEqual(config.objectives[0], {
    name: 'helpful',
    service: 'helpful',
    onFailure: 'pause',
    timeoutSeconds: 30,
  });
  assert.deepEqual(config.combine, { method: 'gapo', p: 1, source: 'exact', refreshEvery: 1, checkEvery: 10 });
  assert.deepEqual(config.rollout, {
    promptsPerStep: 32,
    samplesPerPrompt: 4,
    temperature: 1,
    maxNewTokens: 48,
    topK: 0,
    topP: 1,
    minP: 0,
    repetitionPenalty: 1,
    stop: [],
    batch: 64,
    shards: 4,
  });
  assert.deepEqual(config.kl, { coefficient: 0.02, in: 'loss', controller: 'fixed' });
  assert.deepEqual(config.ppo, {
    advantages: 'rloo',
    normalizeAdvantages: true,
    clipRange: 0.2,
    epochs: 1,
    minibatches: 1,
    missingEosPenalty: 0,
  });
  assert.equal(config.policy.lora?.rank, 16);
  assert.equal(config.policy.lora?.targets, 'all-linear');
  assert.equal(config.ppo.gae, undefined);
  assert.deepEqual(config.optimizer.betas, [0.9, 0.95]);
});

test('defaults depend on the algorithm and on other choices', () => {
  const gae = parseRunConfig(`${least}ppo: { advantages: gae }`, 'run.yaml', services);
  assert.deepEqual(gae.ppo.gae, { gamma: 1, lambda: 0.95, valueCoefficient: 0.5, valueClip: 0.2 });
  const group = parseRunConfig(`${least}ppo: { advantages: group }`, 'run.yaml', services);
  assert.equal(group.ppo.normalizeAdvantages, false);
  const pairs = parseRunConfig(
    `${least.replace('prompts:', 'pairs:')}algorithm: dpo`,
    'run.yaml',
    new Set(), // no reward services are needed
  );
  assert.deepEqual(pairs.dpo, { beta: 0.1, pairsPerStep: 64, labelSmoothing: 0 });
  assert.equal(pairs.kl.coefficient, 0);
  const full = parseRunConfig(least.replace('model: models/policy', 'model: m, train: full'), 'run.yaml', services);
  assert.equal(full.policy.lora, undefined);
});

test('a configuration with every default written out is the same configuration', () => {
  const pairs = least.replace('prompts:', 'pairs:');
  const texts = [
    least,
    `${least}ppo: { advantages: gae, rewardClamp: [-1, 1] }`,
    `${least}combine: { method: pgapo, preference: { helpful: { 0: 1, 9: 0 }, harmless: 1 } }`,
    `${least}combine: { method: lagrangian }\nlagrangian: { objective: helpful, constraints: { harmless: { limit: 0 } } }`,
    `${pairs}algorithm: dpo`,
    least.replace('models/policy', 'm, train: full'),
    least.replace('models/policy', 'm, adapter: a'),
  ];
  for (const text of texts) {
    const config = parseRunConfig(text, 'run.yaml', undefined);
    const written = yamlText(asWritten(config));
    assert.deepEqual(parseRunConfig(written, 'run.yaml', undefined), config);
    assert.equal(yamlText(asWritten(parseRunConfig(written, 'run.yaml', undefined))), written);
  }
});

test('every problem is a line with place, path, what was found and what is expected', () => {
  const lines = problems('combine: { method: gapo, q: 1 }\nrollout: { shards: many }\nseeds: 3');
  const patterns = [
    /^run\.yaml:7:26 combine\.q: found unknown key "q".*did you mean "p"\?/,
    /^run\.yaml:8:20 rollout\.shards: found string "many", expected an integer of at least 1/,
    /^run\.yaml:9:1 seeds: found unknown key "seeds".*did you mean "seed"\?/,
  ];
  assert.equal(lines.length, patterns.length, lines.join('\n'));
  for (const [i, pattern] of patterns.entries()) assert.match(lines[i] ?? '', pattern);
});

test('rules between fields', () => {
  const cases: [extra: string, pattern: RegExp, base?: string][] = [
    ['rollout: { samplesPerPrompt: 1 }', /rollout\.samplesPerPrompt: found number 1, expected at least 2/],
    [
      'rollout: { maxLogprobGap: { warn: 2, pause: 1 } }',
      /rollout\.maxLogprobGap\.warn: .*at most rollout\.maxLogprobGap\.pause, which is 1/,
    ],
    ['rollout: { staleness: 3 }', /rollout\.staleness: found number 3, expected 0, 1 or 2/],
    [
      'algorithm: dpo\nrollout: { staleness: 1 }',
      /rollout\.staleness: found number 1, expected 0, since algorithm is dpo, which samples no completions/,
      least.replace('prompts:', 'pairs:'),
    ],
    ['ppo: { importanceCap: 0.5 }', /ppo\.importanceCap: found number 0\.5, expected a number of at least 1/],
    ['rollout: { promptsPerStep: 3 }', /rollout\.shards: .*at most rollout\.promptsPerStep, which is 3/],
    ['rollout: { temperature: 0 }', /rollout\.temperature: found number 0, expected a finite number over 0/],
    ['rollout: { topK: -1 }', /rollout\.topK: found number -1, expected an integer of at least 0/],
    ['rollout: { topP: 0 }', /rollout\.topP: found number 0, expected a number above 0 and at most 1/],
    ['rollout: { minP: 1.5 }', /rollout\.minP: found number 1.5, expected a number between 0 and 1/],
    [
      'rollout: { repetitionPenalty: 0 }',
      /rollout\.repetitionPenalty: found number 0, expected a finite number over 0/,
    ],
    ["rollout: { stop: [''] }", /rollout\.stop\[?\.?0\]?: found .*expected a text of 1 to 256 characters/],
    ['rollout: { batch: 0 }', /rollout\.batch: found number 0, expected an integer of at least 1/],
    ['ppo: { gae: { gamma: 0.9 } }', /ppo\.gae: found a mapping, expected no gae, since ppo\.advantages is rloo/],
    ['combine: { method: single, objective: kind }', /combine\.objective: .*one of helpful, harmless/],
    ['combine: { method: pgapo, preference: { helpful: 1 } }', /combine\.preference\.harmless: found nothing/],
    [
      'combine: { method: pgapo, preference: { helpful: 1, harmless: 1, kind: 1 } }',
      /combine\.preference\.kind: .*the objectives alone: helpful, harmless/,
    ],
    [
      'combine: { method: linear, weights: { helpful: 0, harmless: 0 } }',
      /combine\.weights: .*at least one number over 0/,
    ],
    [
      'combine: { method: pgapo, preference: { helpful: { 0: 1, 9: 0 }, harmless: { 9: 0, 20: 1 } } }',
      /combine\.preference: .*at least one number over 0/,
    ],
    [
      'combine: { method: linear, weights: { helpful: { soon: 1 }, harmless: 1 } }',
      /combine\.weights\.helpful: .*a number of at least 0, or a mapping of steps to such numbers/,
    ],
    ['combine: { method: tchebycheff, reference: { helpful: 1 } }', /combine\.reference\.harmless: found nothing/],
    ['combine: { method: lagrangian }', /lagrangian: found nothing, expected { objective, constraints }/],
    [
      'lagrangian: { objective: helpful, constraints: { harmless: { limit: 0 } } }',
      /lagrangian: found a mapping, expected nothing, since combine\.method is gapo/,
    ],
    [
      'combine: { method: lagrangian }\nlagrangian: { objective: helpful, constraints: { helpful: { limit: 0 }, harmless: { limit: 0 } } }',
      /lagrangian\.constraints\.helpful: .*the objectives that are constraints alone: harmless/,
    ],
    ['kl: { estimator: k1 }', /kl\.estimator: .*k2, since kl\.in is loss: the mean gradient of k1 is .* 0$/],
    ['kl: { estimator: k3 }', /kl\.estimator: .*k2, since kl\.in is loss: .*the reverse divergence/],
    ['kl: { in: reward, estimator: k3 }', /kl\.estimator: .*k1, since kl\.in is reward: .*lacks a part/],
    ['ppo: { minibatches: 129 }', /ppo\.minibatches: found number 129, expected at most the 128 completions/],
    ['ppo: { rewardClamp: [1, 1] }', /ppo\.rewardClamp: .*expected two numbers \[low, high\], low < high/],
    ['ppo: { ptx: { coefficient: 1 } }', /data\.pretraining: found nothing, expected a file of texts/],
    ['ppo: { gae: { valueLearningRate: 1 } }', /ppo\.gae: .*no gae, since ppo\.advantages is rloo/],
    ['', /data\.prompts: found nothing, expected a file's path/, least.replace('prompts: prompts/train.jsonl', '')],
    ['', /data\.pairs: .*nothing, since algorithm is ppo/, least.replace('train.jsonl', 'train.jsonl, pairs: p')],
    ['dpo: { beta: 1 }', /dpo: .*nothing, since algorithm is ppo/],
    ['samples: on', /samples: .*`off`, or a mapping/],
    ['samples: { perStep: 0 }', /samples\.perStep: found number 0, expected an integer from 1 to 256/],
    [
      'algorithm: dpo\nsamples: { keep: 2 }',
      /samples: .*off, since algorithm is dpo, which samples no completions/,
      least.replace('prompts:', 'pairs:'),
    ],
    [
      'algorithm: dpo\nkl: { coefficient: 0 }',
      /kl: .*nothing, since algorithm is dpo, whose/,
      least.replace('prompts:', 'pairs:'),
    ],
    ...['scale: 2', 'noise: 1', 'threshold: 0'].map((key): [string, RegExp, string] => [
      'algorithm: dpo',
      new RegExp(`objectives\\[1\\]\\.${key.slice(0, -3)}: .*nothing, since algorithm is dpo, which has no rewards`),
      least.replace('prompts:', 'pairs:').replace('name: harmless', `name: harmless, ${key}`),
    ]),
    ['', /objectives\[1\]\.noise: .*from 1e-12 to 1e12/, least.replace('name: harmless', 'name: harmless, noise: -1')],
    [
      'algorithm: dpo',
      /data\.pairs: found nothing, expected a file of pairs/,
      least.replace('prompts: prompts/train.jsonl', ''),
    ],
    ['kl: { coefficient: 0, controller: { kind: adaptive, target: 6, horizon: 9999 } }', /kl\.coefficient: .*over 0/],
    ['kl: { controller: { kind: adaptive, target: 6, horizon: 9 } }', /kl\.controller\.horizon: .*over the 128/],
    ['optimizer: { schedule: cosine, warmupSteps: 120 }', /optimizer\.warmupSteps: .*under the run's 120 updates/],
    ['tags: [nightly, "a b"]', /tags\[1\]: found string "a b", expected at most 64 letters, digits and any of/],
    ['tags: [nightly, nightly]', /tags\[1\]: found string "nightly", expected each tag once/],
    ['', /objectives\[1\]\.name: .*no other objective/, least.replace('harmless', 'helpful')],
    [
      '',
      /objectives\[1\]\.name: .*another name/,
      least.replace('name: harmless', 'name: regularizer, service: helpful'),
    ],
    [
      '',
      /objectives\[1\]\.service: .*host:port, since REWARD_SERVICES \(helpful, harmless\) has no "kind"/,
      least.replace('harmless', 'kind'),
    ],
    [
      '',
      /objectives\[1\]\.service: found string "unknown", expected a name in REWARD_SERVICES/,
      least.replace('name: harmless', 'name: harmless, service: unknown'),
    ],
    [
      '',
      /policy\.lora: .*no lora, since policy\.train is full/,
      least.replace('models/policy', 'm, train: full, lora: { rank: 2 }'),
    ],
  ];
  const conditioned = (condition: string, extra = ''): [string, string] => [
    `combine: { method: pgapo, preference: { helpful: 1, harmless: 1 } }\n${extra}`,
    least.replace('model: models/policy', `model: models/policy, condition: ${condition}`),
  ];
  const conditions: [condition: string, extra: string, pattern: RegExp][] = [
    ['values', '', /policy\.condition: found string "values", expected `preference`, or a mapping/],
    ['{ on: preference, text: "{helpful}" }', '', /policy\.condition\.text: .*expected \{prompt\} once/],
    [
      '{ on: preference, text: "{kind} {prompt}" }',
      '',
      /policy\.condition\.text: .*of objectives, not \{kind\}: helpful, harmless/,
    ],
    ['{ on: preference, text: "+{prompt}" }', '', /policy\.condition\.text: .*all objectives but one at most/],
    [
      '{ on: preference, corners: 2 }',
      '',
      /policy\.condition\.corners: found number 2, expected a number between 0 and 1/,
    ],
    ['preference', 'weighting: { method: saw }', /weighting: .*nothing, since policy\.condition states/],
    ['preference', 'ppo: { advantages: group, dvao: true }', /ppo\.dvao: .*false, since policy\.condition/],
    ['preference', 'ppo: { gd2po: {} }', /ppo\.gd2po: .*nothing, since policy\.condition/],
  ];
  for (const [condition, extra, pattern] of conditions) {
    const [whole, base] = conditioned(condition, extra);
    cases.push([whole, pattern, base]);
  }
  cases.push(
    ['', /policy\.condition: .*nothing, since combine\.method is gapo, not pgapo/, conditioned('preference')[1]],
    [
      'algorithm: dpo',
      /policy\.condition: .*nothing, since algorithm is dpo, which samples no completions/,
      conditioned('preference')[1].replace('prompts:', 'pairs:'),
    ],
    [
      conditioned('preference')[0],
      /data\.overlong: .*refuse or drop, since policy\.condition/,
      conditioned('preference')[1].replace('train.jsonl }', 'train.jsonl, overlong: truncate-left }'),
    ],
  );
  for (const [extra, pattern, base] of cases) {
    const [line = '', ...more] = problems(extra, base);
    assert.deepEqual(more, [], line);
    assert.match(line, pattern);
    assert.match(line, /^run\.yaml:\d+:\d+ /);
  }
});

test('a service may be an address that the coordinator does not know by name', () => {
  const text = least.replace('name: harmless', 'name: harmless, service: "10.0.0.7:50061"');
  assert.equal(parseRunConfig(text, 'run.yaml', services).objectives[1]?.service, '10.0.0.7:50061');
});

test('variables of the chat template are any but those that every rendering sets', () => {
  const [policy, other] = ['policy: { model: models/policy }', 'policy: { model: models/policy, chatTemplateKwargs: '];
  const kwargs = { enable_thinking: false, mood: 'calm', depth: 2, none: null };
  const config = parseRunConfig(least.replace(policy, `${other}${JSON.stringify(kwargs)} }`), 'run.yaml', services);
  assert.deepEqual(config.policy.chatTemplateKwargs, kwargs);
  assert.match(
    problems('', least.replace(policy, `${other}{ messages: x } }`)).join(),
    /policy\.chatTemplateKwargs: .*expected variables with other names than messages, tools, documents/,
  );
});

test("a conditioned policy gets the preference in a text around the user's turn", () => {
  const base = least.replace('model: models/policy', 'model: models/policy, condition: CONDITION');
  const stated = (condition: string, levels: number[], content = 'How?'): string => {
    const pgapo = 'combine: { method: pgapo, preference: { helpful: 1, harmless: 1 } }';
    const config = parseRunConfig(base.replace('CONDITION', condition) + pgapo, 'run.yaml', services);
    return conditionerOf(required(conditionOf(config), 'condition'), objectiveNames(config), levels)(content);
  };
  assert.equal(stated('preference', [7, 3]), 'helpful 7, harmless 3: How?');
  assert.equal(stated("{ on: preference, text: '{prompt}{helpful*+}{harmless*no }' }", [1, 2]), 'How?+no no ');
  assert.equal(stated('preference', [7, 3], '{helpful} $& {prompt}'), 'helpful 7, harmless 3: {helpful} $& {prompt}');
  assert.equal(conditionOf(parseRunConfig(least, 'run.yaml', services)), undefined);
});
