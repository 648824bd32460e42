// A message as JSON: no field is lost, whatever the protos add; an unset or non-finite number never becomes 0.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { packageDefinition } from './definitions.js';
import { fieldNames, toJson, type MessageName } from './json.js';

interface Descriptor {
  readonly name: string;
  readonly field: readonly { readonly name: string; readonly type: string; readonly label: string; typeName: string }[];
  readonly nestedType: readonly Descriptor[];
  readonly options: { readonly mapEntry: boolean } | null;
}

const definitions = packageDefinition();

/** A message or enum by the last part of its name, which is unique among our own. */
function typeNamed(name: string): { fullName: string; type: unknown } {
  const [fullName, definition] =
    Object.entries(definitions).find(([full]) => full.endsWith(`.${name}`)) ?? assert.fail(name);
  return { fullName, type: 'type' in definition ? definition.type : assert.fail(name) };
}

/** A value other than its field's default, as a caller writes it and as JSON. */
type Sample = readonly [input: unknown, json: unknown];

function sampleOf(type: string, typeName: string): Sample {
  const same = (value: unknown): Sample => [value, value];
  switch (type) {
    case 'TYPE_DOUBLE':
    case 'TYPE_FLOAT':
      return same(0.5);
    case 'TYPE_STRING':
      return same('text');
    case 'TYPE_BOOL':
      return same(true);
    case 'TYPE_BYTES':
      return [Buffer.from('bytes'), 'Ynl0ZXM='];
    case 'TYPE_ENUM': {
      const { value } = typeNamed(typeName.split('.').at(-1) ?? '').type as {
        value: { name: string; number: number }[];
      };
      const last = value.at(-1) ?? assert.fail(typeName);
      return [last.number, last.name];
    }
    case 'TYPE_MESSAGE':
      if (typeName.endsWith('Timestamp')) return [{ seconds: 1_735_689_600, nanos: 5e8 }, '2025-01-01T00:00:00.500Z'];
      return filled(typeNamed(typeName.split('.').at(-1) ?? '').type as Descriptor);
    default:
      return same(7);
  }
}

/** A message with every field set. */
function filled({ field, nestedType }: Descriptor): Sample {
  const members = field.map(({ name, type, label, typeName }) => {
    const entry = nestedType.find((nested) => nested.name === typeName && nested.options?.mapEntry);
    const value = entry?.field[1];
    const [input, json] = value ? sampleOf(value.type, value.typeName) : sampleOf(type, typeName);
    if (value) return [name, { key: input }, { key: json }] as const;
    return label === 'LABEL_REPEATED'
      ? ([name, [input, input], [json, json]] as const)
      : ([name, input, json] as const);
  });
  return [
    Object.fromEntries(members.map(([name, input]) => [name, input])),
    Object.fromEntries(members.map(([name, , json]) => [name, json])),
  ];
}

test('every field of every message is in its JSON', () => {
  const names = Object.entries(definitions).flatMap(([name, definition]) =>
    name.startsWith('gapo.') && 'serialize' in definition ? [name as MessageName] : [],
  );
  assert.ok(names.length > 50);
  for (const name of names) {
    const definition = definitions[name] ?? assert.fail(name);
    const [input, json] = filled(('type' in definition ? definition.type : assert.fail(name)) as Descriptor);
    assert.deepEqual(toJson(name, input as object), json, name);
    assert.deepEqual(Object.keys(json as object), fieldNames(name), name);
  }
});

test('what is not set has its default; only optional fields, messages and members of a oneof are left out', () => {
  const run = toJson('gapo.training.v1.Run', {});
  assert.deepEqual(
    [run.state, run.step, run.reason, run.objectives, run.preference],
    ['RUN_STATE_UNSPECIFIED', 0, '', [], {}],
  );
  assert.deepEqual(
    fieldNames('gapo.training.v1.Run').filter((name) => !(name in run)),
    ['created', 'lastStep', 'recovery'],
  );
  assert.ok(!('multiplier' in toJson('gapo.training.v1.ObjectiveReport', {})));
  assert.equal(toJson('gapo.training.v1.ObjectiveReport', { multiplier: 0 }).multiplier, 0);
  assert.deepEqual(toJson('gapo.training.v1.WatchRunResponse', { progress: { step: 2, phase: 'sampling' } }), {
    progress: { step: 2, phase: 'sampling', done: 0, total: 0, waitingFor: '' },
  });
});

test('a number that is not finite is null wherever it stands', () => {
  const run = toJson('gapo.training.v1.Run', {
    preference: { helpful: NaN, harmless: 0.5 },
    lastStep: { kl: Infinity, objectives: [{ rewardMean: -Infinity, multiplier: NaN }] },
  });
  assert.deepEqual(run.preference, { helpful: null, harmless: 0.5 });
  const { kl, objectives } = run.lastStep ?? assert.fail();
  assert.deepEqual([kl, objectives[0]?.rewardMean, objectives[0]?.multiplier], [null, null, null]);
  const sample = toJson('gapo.training.v1.EvaluationSample', { scoresBefore: [1, NaN] });
  assert.deepEqual(sample.scoresBefore, [1, null]);
});

test('a message has the same JSON as a caller writes it and as a receiver has it', () => {
  const received = { name: 'helpful', accuracy: 0.25, _accuracy: 'accuracy' } as const;
  assert.deepEqual(
    toJson('gapo.training.v1.ObjectiveReport', received),
    toJson('gapo.training.v1.ObjectiveReport', { name: 'helpful', accuracy: 0.25 }),
  );
  assert.deepEqual(
    toJson('gapo.training.v1.Run', { id: 'a', lastStep: null, created: null }),
    toJson('gapo.training.v1.Run', { id: 'a' }),
  );
});

test('a message within a message is found by its scope', () => {
  const name = 'inference.ModelInferRequest' as MessageName;
  const request = { modelName: 'm', inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2] }] } as object;
  const { inputs } = toJson(name, request) as unknown as { inputs: { name: string; datatype: string }[] };
  assert.deepEqual(inputs.map(({ name: of, datatype }) => [of, datatype]), [['x', 'FP32']]); // prettier-ignore
});
