/**
 * Converts JSON Schemas to Kubernetes structural schemas. A structural schema has one type per value, no defaults that depend on
 * other keys, and no unions. What it cannot express is expressed by CEL rules, or left to the reader of the value.
 */
import { canonicalJson } from '@gapo/service';

/** A JSON Schema (draft 7), with the keywords used by the run configuration's schema. */
export interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly propertyNames?: JsonSchema;
  readonly items?: JsonSchema | readonly JsonSchema[];
  readonly additionalItems?: false;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
}

/** A rule in CEL (`x-kubernetes-validations`). */
export interface Rule {
  readonly rule: string;
  readonly message?: string;
  readonly messageExpression?: string;
  readonly fieldPath?: string;
  readonly reason?: 'FieldValueInvalid' | 'FieldValueForbidden' | 'FieldValueRequired' | 'FieldValueDuplicate';
}

/** A structural schema. */
export interface StructuralSchema {
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, StructuralSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: StructuralSchema;
  readonly items?: StructuralSchema;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly format?: string;
  readonly nullable?: boolean;
  readonly minimum?: number;
  readonly exclusiveMinimum?: boolean;
  readonly maximum?: number;
  readonly exclusiveMaximum?: boolean;
  readonly minItems?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly 'x-kubernetes-preserve-unknown-fields'?: true;
  readonly 'x-kubernetes-int-or-string'?: true;
  readonly 'x-kubernetes-list-type'?: 'map';
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-validations'?: readonly Rule[];
}

/** Keywords that mean the same in both. */
const shared = [
  'type',
  'enum',
  'pattern',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
  'required',
] as const;

/** Keywords that constrain nothing. */
const annotations = ['title', '$schema', 'description', 'default'];

/**
 * Converts a JSON Schema.
 *
 * Defaults become part of the description. Otherwise the API server would write them into the resource, including those of sections
 * excluded by `algorithm`.
 *
 * @throws RangeError for a keyword that it does not know
 */
export function structuralSchema(schema: JsonSchema): StructuralSchema {
  const { oneOf, anyOf, type } = schema;
  if (oneOf !== undefined) return { ...discriminated(oneOf), ...described(schema) };
  if (anyOf !== undefined) return { ...anyOneOf(anyOf), ...described(schema) };
  if (type === undefined || Array.isArray(type)) return { ...ofAnyType(type?.includes('null')), ...described(schema) };
  return { ...described(schema), ...constraintsOf(schema) };
}

function constraintsOf(schema: JsonSchema): StructuralSchema {
  const { properties, additionalProperties, propertyNames, items, additionalItems: _, const: only, ...rest } = schema;
  const known: readonly string[] = [...shared, ...annotations, 'exclusiveMinimum', 'exclusiveMaximum'];
  const unknown = Object.keys(rest).filter((keyword) => !known.includes(keyword));
  if (unknown.length > 0) throw new RangeError(`structuralSchema: unknown keyword ${unknown.join(', ')}`);
  return {
    ...Object.fromEntries(Object.entries(rest).filter(([keyword]) => (shared as readonly string[]).includes(keyword))),
    ...(only !== undefined && { enum: [only] }),
    ...exclusiveOf(schema),
    ...(items && itemsOf(items)),
    ...(properties && { properties: mapped(properties) }),
    ...(typeof additionalProperties === 'object' && valuesOf(additionalProperties)),
    ...(propertyNames?.enum && namesOneOf(propertyNames.enum)),
  };
}

/** @throws RangeError for a tuple with different items */
function itemsOf(items: JsonSchema | readonly JsonSchema[]): StructuralSchema {
  if (!isTuple(items)) return { items: structuralSchema(items) };
  const [first, ...others] = items;
  if (first === undefined || others.some((other) => canonicalJson(other) !== canonicalJson(first))) {
    throw new RangeError('structuralSchema: a tuple of items that differ');
  }
  return { items: structuralSchema(first), minItems: items.length, maxItems: items.length };
}

function isTuple(items: JsonSchema | readonly JsonSchema[]): items is readonly JsonSchema[] {
  return Array.isArray(items);
}

/** Here an exclusive limit is a limit and a flag. */
function exclusiveOf({ exclusiveMinimum, exclusiveMaximum }: JsonSchema): StructuralSchema {
  return {
    ...(exclusiveMinimum !== undefined && { minimum: exclusiveMinimum, exclusiveMinimum: true }),
    ...(exclusiveMaximum !== undefined && { maximum: exclusiveMaximum, exclusiveMaximum: true }),
  };
}

function mapped(properties: Readonly<Record<string, JsonSchema>>): Record<string, StructuralSchema> {
  return Object.fromEntries(Object.entries(properties).map(([key, schema]) => [key, structuralSchema(schema)]));
}

/** The limit bounds the cost of the rule. */
function namesOneOf(names: readonly unknown[]): StructuralSchema {
  const rule = `self.all(key, key in ${JSON.stringify(names)})`;
  return {
    maxProperties: names.length,
    'x-kubernetes-validations': [{ rule, message: `expected keys among ${names.join(', ')}` }],
  };
}

/** Rules can refer to a mapping if its values have one type, or are not described at all. */
function valuesOf(schema: JsonSchema): StructuralSchema {
  const values = structuralSchema(schema);
  const isDescribed = values.type !== undefined || values['x-kubernetes-int-or-string'] === true;
  return !isDescribed ? ofAnyType() : { additionalProperties: values };
}

function ofAnyType(nullable = false): StructuralSchema {
  return { 'x-kubernetes-preserve-unknown-fields': true, ...(nullable && { nullable }) };
}

/** Constraints that structural schemas allow only together with the type `object`. */
const ofMappings = ['properties', 'required', 'additionalProperties'];

/**
 * A value of several types. Constraints on texts, numbers and lists apply only to values of their type, so one schema can have the
 * constraints of all alternatives. The keys of a mapping are not constrained.
 */
function anyOneOf(alternatives: readonly JsonSchema[]): StructuralSchema {
  const types = alternatives.map(({ type }) => type);
  if (types.length === 2 && types.includes('integer') && types.includes('string')) {
    const { pattern } = alternatives.find(({ type }) => type === 'string') ?? {};
    return { 'x-kubernetes-int-or-string': true, ...(pattern !== undefined && { pattern }) };
  }
  const constraints = alternatives.map((alternative) => {
    const { type, enum: values, ...others } = constraintsOf(alternative);
    const rest = Object.entries(others).filter(([key]) => !ofMappings.includes(key));
    return { ...Object.fromEntries(rest), ...(values && type === 'string' && { pattern: `^(${values.join('|')})$` }) };
  });
  return Object.assign(ofAnyType(), ...constraints) as StructuralSchema;
}

/**
 * Returns the key that has one value in each alternative.
 *
 * @throws RangeError if there is none
 */
function discriminatorOf(alternatives: readonly JsonSchema[]): string {
  const keys = Object.keys(alternatives[0]?.properties ?? {});
  const found = keys.find((key) => alternatives.every(({ properties }) => properties?.[key]?.const !== undefined));
  if (found === undefined) throw new RangeError('structuralSchema: alternatives that no key tells apart');
  return found;
}

/** Mappings discriminated by a common key: one mapping with the keys of all, and rules for the keys allowed in each. */
function discriminated(alternatives: readonly JsonSchema[]): StructuralSchema {
  const key = discriminatorOf(alternatives);
  const nameOf = ({ properties }: JsonSchema): string => String(properties?.[key]?.const);
  const names = alternatives.map(nameOf);
  const keys = [...new Set(alternatives.flatMap(({ properties = {} }) => Object.keys(properties)))].filter(
    (name) => name !== key,
  );
  const rules: Rule[] = [];
  const properties: Record<string, StructuralSchema> = {
    [key]: {
      type: 'string',
      enum: names,
      description: alternatives.map((one) => `\`${nameOf(one)}\`: ${one.description ?? ''}.`).join(' '),
    },
  };
  for (const name of keys) {
    const having = alternatives.filter((one) => one.properties?.[name] !== undefined);
    const schemas = having.flatMap((one) => one.properties?.[name] ?? []);
    const distinct = new Map(
      schemas.map((schema) => [canonicalJson({ ...schema, description: '', default: '' }), schema]),
    );
    const [first] = schemas;
    if (first === undefined) continue;
    const schema = distinct.size === 1 ? structuralSchema(first) : anyOneOf([...distinct.values()]);
    properties[name] = schema;
    // Rules cannot refer to a value of several types.
    if (schema.type === undefined) continue;
    const demanding = having.filter(({ required = [] }) => required.includes(name));
    if (having.length < alternatives.length) rules.push(onlyWith(key, name, having.map(nameOf)));
    if (demanding.length > 0) rules.push(requiredWith(key, name, demanding.map(nameOf)));
  }
  return { type: 'object', required: [key], properties, 'x-kubernetes-validations': rules };
}

function onlyWith(key: string, name: string, values: readonly string[]): Rule {
  const message = `only with ${key} ${values.join(', ')}`;
  const rule = `!has(self.${name}) || self.${key} in ${JSON.stringify(values)}`;
  return { rule, message, fieldPath: `.${name}`, reason: 'FieldValueForbidden' };
}

function requiredWith(key: string, name: string, values: readonly string[]): Rule {
  const message = `required with ${key} ${values.join(', ')}`;
  const rule = `has(self.${name}) || !(self.${key} in ${JSON.stringify(values)})`;
  return { rule, message, fieldPath: `.${name}`, reason: 'FieldValueRequired' };
}

function described({ description = '', default: preset }: JsonSchema): Pick<StructuralSchema, 'description'> {
  const isWorthIt = preset !== undefined && !['{}', '[]', '""'].includes(JSON.stringify(preset));
  const text = isWorthIt ? `${description} Default: ${shown(preset)}.` : description;
  return text === '' ? {} : { description: text.trim() };
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
