/**
 * JSON Schemas become structural schemas: one type each, and rules for what these cannot express.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { structuralSchema, type JsonSchema } from './structuralSchema.js';

const open = { 'x-kubernetes-preserve-unknown-fields': true };

test('constraints, and what draft 7 writes otherwise', () => {
  const cases: [schema: JsonSchema, expected: object][] = [
    [
      { type: 'number', exclusiveMinimum: 0, default: 2, description: 'Heat.' },
      { type: 'number', minimum: 0, exclusiveMinimum: true, description: 'Heat. Default: 2.' },
    ],
    [
      { type: 'string', const: 'fixed' },
      { type: 'string', enum: ['fixed'] },
    ],
    [
      { type: 'array', items: [{ type: 'number' }, { type: 'number' }], additionalItems: false },
      { type: 'array', items: { type: 'number' }, minItems: 2, maxItems: 2 },
    ],
    [
      { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'], additionalProperties: false },
      { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'] },
    ],
    [{ type: ['string', 'null'] }, { ...open, nullable: true }],
    [
      { type: 'array', items: { type: 'string' }, default: [] },
      { type: 'array', items: { type: 'string' } },
    ],
  ];
  for (const [schema, expected] of cases) assert.deepEqual(structuralSchema(schema), expected);
});

test('a value of several types has the constraints of all, each of which holds for values of its type alone', () => {
  const schema: JsonSchema = {
    anyOf: [
      { type: 'string', enum: ['low', 'high'] },
      { type: 'array', items: { type: 'number' } },
      { type: 'object', properties: { at: { type: 'number' } }, required: ['at'] },
    ],
  };
  assert.deepEqual(structuralSchema(schema), { ...open, pattern: '^(low|high)$', items: { type: 'number' } });
});

test('alternatives by method are one mapping, with rules for which keys a method has and needs', () => {
  const method = (name: string): JsonSchema => ({ type: 'string', const: name });
  const numbers: JsonSchema = { type: 'object', additionalProperties: { type: 'number' } };
  const alternatives: JsonSchema[] = [
    { description: 'Plain', properties: { method: method('plain'), every: { type: 'integer' } } },
    {
      description: 'Steered',
      properties: { method: method('steered'), every: { type: 'integer' }, shares: numbers },
      required: ['method', 'shares'],
    },
  ];
  const { properties = {}, 'x-kubernetes-validations': rules } = structuralSchema({ oneOf: alternatives });
  assert.deepEqual(Object.keys(properties), ['method', 'every', 'shares']);
  assert.deepEqual(properties['method']?.enum, ['plain', 'steered']);
  assert.deepEqual(rules, [
    {
      rule: '!has(self.shares) || self.method in ["steered"]',
      message: 'only with method steered',
      fieldPath: '.shares',
      reason: 'FieldValueForbidden',
    },
    {
      rule: 'has(self.shares) || !(self.method in ["steered"])',
      message: 'required with method steered',
      fieldPath: '.shares',
      reason: 'FieldValueRequired',
    },
  ]);
});

test('mappings: the names of keys by a rule whose cost is bounded, values of several types left open', () => {
  const named = structuralSchema({
    type: 'object',
    propertyNames: { type: 'string', enum: ['a', 'b'] },
    additionalProperties: { type: 'string' },
  });
  assert.equal(named.maxProperties, 2);
  assert.equal(named['x-kubernetes-validations']?.[0]?.rule, 'self.all(key, key in ["a","b"])');
  const mixed: JsonSchema = {
    type: 'object',
    additionalProperties: { anyOf: [{ type: 'number' }, { type: 'string' }] },
  };
  assert.deepEqual(structuralSchema(mixed), { type: 'object', ...open });
});

test('what cannot be converted is an error, not left out', () => {
  const unknown = { type: 'string', contentEncoding: 'base64' } as JsonSchema;
  assert.throws(() => structuralSchema(unknown), /unknown keyword contentEncoding/);
  assert.throws(() => structuralSchema({ type: 'array', items: [{ type: 'number' }, { type: 'string' }] }), /tuple/);
});
