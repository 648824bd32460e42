/** The custom resource `RewardService`: its definition in the API server's format. */
import { z } from '@gapo/service';
import { column, conditionsSchema, customResourceDefinition } from './customResource.js';
import { rewardServices } from './names.js';
import { keysOfPods, rewardConditions, rewardServiceSpec, rewardServiceStatus, sources } from './rewardService.js';
import { structuralSchema, type JsonSchema, type Rule, type StructuralSchema } from './structuralSchema.js';

/**
 * Leaves room for the longest name derived from it, RELEASE-reward-NAME-headless, a label of at most 63 characters.
 */
export const longestName = 22;

/** Maximum number of rules in a file. It bounds the cost of the checks of a rule. */
const mostRules = 64;

function oneOf(parent: string, keys: readonly string[], message: string): Rule {
  const has = keys.map((key) => `has(${parent}.${key})`).join(', ');
  return { rule: `[${has}].filter(one, one).size() == 1`, message };
}

function atMostOne(keys: readonly string[], message: string): Rule {
  const has = keys.map((key) => `has(self.${key})`).join(', ');
  return { rule: `[${has}].filter(one, one).size() <= 1`, message };
}

function onlyWith(key: string, allowed: readonly string[], why: string): Rule {
  const has = allowed.map((source) => `has(self.${source})`).join(' || ');
  return { rule: `!has(self.${key}) || ${has}`, message: why, fieldPath: `.${key}`, reason: 'FieldValueForbidden' };
}

const specRules: readonly Rule[] = [
  oneOf('self', sources, `expected exactly one of ${sources.join(', ')}`),
  ...['objective', 'text'].map((key) => onlyWith(key, ['rules', 'model'], 'only with rules or model')),
  ...keysOfPods.map((key) => onlyWith(key, ['rules', 'model', 'image'], 'not with endpoint, which has no pods here')),
];

const modelRules: readonly Rule[] = [
  atMostOne(['existingClaim', 'image', 'download'], 'expected at most one of existingClaim, image, download'),
  {
    rule: 'has(self.path) || has(self.existingClaim) || has(self.image) || has(self.download)',
    message: "expected a path below the release's project, or existingClaim, image or download",
    fieldPath: '.path',
    reason: 'FieldValueRequired',
  },
  {
    rule: "!has(self.path) || !self.path.startsWith('/') || !(has(self.existingClaim) || has(self.image) || has(self.download))",
    message: 'expected a path relative to existingClaim, image or download',
    fieldPath: '.path',
  },
];

const nameRules: readonly Rule[] = [
  {
    rule: `size(self.metadata.name) <= ${longestName} && self.metadata.name.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?$')`,
    message: `metadata.name: expected at most ${longestName} lower-case letters, digits and hyphens`,
  },
];

/** @throws RangeError if the schema does not describe a mapping with that key */
function withKey(schema: StructuralSchema, key: string, changed: (held: StructuralSchema) => StructuralSchema) {
  const held = schema.properties?.[key];
  if (held === undefined) throw new RangeError(`there is no ${key}`);
  return { ...schema, properties: { ...schema.properties, [key]: changed(held) } };
}

function structural(schema: z.ZodType): StructuralSchema {
  const json = z.toJSONSchema(schema, {
    target: 'draft-7',
    io: 'input',
    override({ jsonSchema }) {
      for (const key of ['expected', 'path', 'absent']) delete jsonSchema[key];
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
    },
  });
  return structuralSchema(json as JsonSchema);
}

/**
 * Returns the definition of RewardService.
 *
 * @param rulesFile the JSON Schema (draft 7) of a rules file; its `objective` comes from the spec
 */
export function rewardServiceDefinition(rulesFile: JsonSchema): object {
  const { objective: _, ...keys } = rulesFile.properties ?? {};
  const required = (rulesFile.required ?? []).filter((key) => key !== 'objective');
  const inline = structuralSchema({ ...rulesFile, properties: keys, required });
  const bounded = withKey(inline, 'rules', (list) => ({ ...list, maxItems: mostRules }));
  const ruled = withKey(structural(rewardServiceSpec), 'rules', (rules) => ({
    ...withKey(rules, 'inline', ({ description = '' }) => ({ ...bounded, description })),
    'x-kubernetes-validations': [oneOf('self', ['inline', 'configMap', 'path'], 'expected exactly one of inline, configMap, path')], // prettier-ignore
  }));
  const spec = withKey(ruled, 'model', (model) => ({ ...model, 'x-kubernetes-validations': modelRules }));
  const status = withKey(structural(rewardServiceStatus), 'conditions', () => conditionsSchema(rewardConditions.join(' or '))); // prettier-ignore
  return customResourceDefinition({
    names: rewardServices,
    description: 'A reward of gapo: a gRPC service that scores completions for one objective.',
    columns: [
      column('Kind', '.status.kind'),
      column('Ready', '.status.pods'),
      column('Address', '.status.address'),
      column('Age', '.metadata.creationTimestamp', { type: 'date' }),
      column('Available', '.status.conditions[?(@.type=="Available")].status', { priority: 1 }),
      column('Message', '.status.conditions[?(@.type=="Ready")].message', { priority: 1 }),
    ],
    spec: { ...spec, description: 'What serves the reward, and how.', 'x-kubernetes-validations': specRules },
    status: { ...status, description: 'The service, as the operator last saw it.' },
    rules: nameRules,
    scale: {
      specReplicasPath: '.spec.replicas',
      statusReplicasPath: '.status.replicas',
      labelSelectorPath: '.status.selector',
    },
  });
}
