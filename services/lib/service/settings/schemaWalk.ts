/** Inspects zod schemas: the schema at a path of a value, its known keys, and a description of what it expects. */
import { z } from 'zod';

type Schema = z.core.$ZodType;
type Issue = z.core.$ZodIssue;

/** Returns the schema inside optional, default, nullable, readonly, catch, lazy and pipes (their input side). */
export function unwrap(schema: Schema): Schema {
  let inner = schema;
  for (;;) {
    if (inner instanceof z.ZodPipe) inner = inner._zod.def.in;
    else if (inner instanceof z.ZodLazy) inner = inner._zod.def.getter();
    else if (
      inner instanceof z.ZodOptional ||
      inner instanceof z.ZodDefault ||
      inner instanceof z.ZodPrefault ||
      inner instanceof z.ZodNullable ||
      inner instanceof z.ZodReadonly ||
      inner instanceof z.ZodCatch ||
      inner instanceof z.ZodNonOptional
    ) {
      inner = inner._zod.def.innerType;
    } else return inner;
  }
}

/** Returns a text from the metadata of the schema, or of a schema that it wraps, such as `description` or `expected`. */
export function metaOf(schema: Schema, key: string): string | undefined {
  for (let inner: Schema | undefined = schema; inner !== undefined; inner = unwrapOnce(inner)) {
    const stated = z.globalRegistry.get(inner)?.[key];
    if (typeof stated === 'string') return stated;
  }
  return undefined;
}

/** Returns the `meta({ expected })` of the schema, or of a schema that it wraps. */
export function statedExpectation(schema: Schema): string | undefined {
  return metaOf(schema, 'expected');
}

function unwrapOnce(schema: Schema): Schema | undefined {
  if (schema instanceof z.ZodPipe) return schema._zod.def.in;
  if (schema instanceof z.ZodLazy) return schema._zod.def.getter();
  const def: { innerType?: Schema } = schema._zod.def as { innerType?: Schema };
  return def.innerType;
}

/**
 * Returns the schemas that may apply to `value`: `schema` itself, or the alternatives of a union that match the value's
 * kind.
 */
export function candidates(schema: Schema, value: unknown): Schema[] {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodIntersection) {
    return [...candidates(inner._zod.def.left, value), ...candidates(inner._zod.def.right, value)];
  }
  if (!(inner instanceof z.ZodUnion)) return [inner];
  const options: Schema[] = inner._zod.def.options.map((option) => unwrap(option));
  const fitting = options.filter((option) => fitsKind(option, value));
  const discriminator = inner instanceof z.ZodDiscriminatedUnion ? inner._zod.def.discriminator : undefined;
  if (discriminator !== undefined && isMapping(value)) {
    return fitting.filter((option) => {
      if (!(option instanceof z.ZodObject)) return false;
      const shape: Readonly<Record<string, Schema>> = option.shape;
      const tag = shape[discriminator];
      return tag !== undefined && z.safeParse(tag, value[discriminator]).success;
    });
  }
  return fitting.flatMap((option) => candidates(option, value));
}

function fitsKind(schema: Schema, value: unknown): boolean {
  const isMap = schema instanceof z.ZodObject || schema instanceof z.ZodRecord;
  if (isMapping(value)) return isMap || schema instanceof z.ZodUnion || schema instanceof z.ZodIntersection;
  if (Array.isArray(value)) return schema instanceof z.ZodArray || schema instanceof z.ZodTuple;
  return !isMap;
}

/** Returns the schema of a member or an item of a value; undefined if the schema has none for it. */
export function childSchema(schema: Schema, key: PropertyKey): Schema | undefined {
  if (schema instanceof z.ZodObject) {
    const shape: Record<string, Schema> = schema.shape;
    const name = String(key);
    return Object.hasOwn(shape, name) ? shape[name] : schema._zod.def.catchall;
  }
  if (schema instanceof z.ZodRecord) return schema._zod.def.valueType;
  if (schema instanceof z.ZodArray) return schema._zod.def.element;
  if (schema instanceof z.ZodTuple && typeof key === 'number') return schema._zod.def.items[key];
  return undefined;
}

/** Returns the schema at `path` in `value`, with its wrappers, which may state its expectation. */
export function schemaAt(schema: Schema, value: unknown, path: readonly PropertyKey[]): Schema | undefined {
  let here: Schema | undefined = schema;
  let there: unknown = value;
  for (const key of path) {
    if (here === undefined) return undefined;
    here = candidates(here, there)
      .map((candidate) => childSchema(candidate, key))
      .find((child) => child !== undefined);
    there = memberOf(there, key);
  }
  return here;
}

/** A key that no schema at its place knows. */
export interface UnknownKey {
  path: PropertyKey[];
  value: unknown;
  /** The known keys there. */
  known: string[];
}

/**
 * Lists the keys of `value` that the schema does not know, even where an object schema would accept them. Loose objects, and
 * records, accept any key.
 */
export function unknownKeys(schema: Schema, value: unknown, path: PropertyKey[] = []): UnknownKey[] {
  const options = candidates(schema, value);
  const children: [PropertyKey, unknown][] = Array.isArray(value)
    ? value.map((item, i): [PropertyKey, unknown] => [i, item])
    : isMapping(value)
      ? Object.entries(value)
      : [];
  if (options.length === 0) return [];
  const closed = options.filter((option) => isClosedObject(option));
  const known = [
    ...new Set(closed.flatMap((option) => (option instanceof z.ZodObject ? Object.keys(option.shape) : []))),
  ];
  return children.flatMap(([key, child]) => {
    const childPath = [...path, key];
    if (isMapping(value) && closed.length === options.length && !known.includes(String(key))) {
      return [{ path: childPath, value: child, known }];
    }
    const schemas = options.map((option) => childSchema(option, key)).filter((found) => found !== undefined);
    // Under a union, a key is unknown only if no alternative knows it.
    const found = schemas.map((inner) => unknownKeys(inner, child, childPath));
    return found.find((list) => list.length === 0) ?? found[0] ?? [];
  });
}

function isClosedObject(schema: Schema): boolean {
  if (!(schema instanceof z.ZodObject)) return false;
  const catchall = schema._zod.def.catchall;
  return catchall === undefined || catchall instanceof z.ZodNever;
}

/** Returns the expectation of a zod issue, in words. */
export function issueExpectation(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return typeWords(issue.expected);
    case 'too_small': {
      const least = `${issue.inclusive === false ? 'over' : 'of at least'} ${issue.minimum}`;
      return sizeWords(issue.origin, least, issue.minimum);
    }
    case 'too_big': {
      const most = `${issue.inclusive === false ? 'under' : 'of at most'} ${issue.maximum}`;
      return sizeWords(issue.origin, most, issue.maximum);
    }
    case 'invalid_value':
      return issue.values.length === 1
        ? JSON.stringify(issue.values[0])
        : `one of ${issue.values.map((value) => (typeof value === 'string' ? value : String(value))).join(', ')}`;
    case 'not_multiple_of':
      return `a multiple of ${issue.divisor}`;
    case 'custom':
      return issue.message;
    default:
      return issue.message.replace(/^Invalid/, 'valid');
  }
}

function sizeWords(origin: string, bound: string, limit: number | bigint): string {
  if (origin === 'string') return `a string ${bound} character${Number(limit) === 1 ? '' : 's'}`;
  if (origin === 'array' || origin === 'set') return `a list ${bound} item${Number(limit) === 1 ? '' : 's'}`;
  return `${origin === 'int' ? 'an integer' : 'a number'} ${bound}`;
}

/** Returns a type's name for messages. */
export function typeWords(type: string): string {
  const words: Record<string, string> = {
    object: 'a mapping',
    record: 'a mapping',
    array: 'a list',
    tuple: 'a list',
    string: 'a string',
    number: 'a finite number',
    int: 'an integer',
    boolean: 'true or false',
    null: 'nothing',
  };
  return words[type] ?? type;
}

/** Describes the values of a schema: its stated expectation, or else its type. */
export function schemaWords(schema: Schema): string {
  const stated = statedExpectation(schema);
  if (stated !== undefined) return stated;
  const inner = unwrap(schema);
  if (inner instanceof z.ZodEnum) return `one of ${Object.values(inner.enum).join(', ')}`;
  if (inner instanceof z.ZodLiteral) return [...inner.values].map((value) => JSON.stringify(value)).join(' or ');
  if (inner instanceof z.ZodArray) return `a list, each ${schemaWords(inner._zod.def.element)}`;
  if (inner instanceof z.ZodUnion) return inner._zod.def.options.map((option) => schemaWords(option)).join(', or ');
  return typeWords(inner._zod.def.type);
}

/** Whether the schema is a union, inside its wrappers. */
export function isUnion(schema: Schema): boolean {
  return unwrap(schema) instanceof z.ZodUnion;
}

/** Whether a value is a mapping: an object that is not a list. */
export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Returns the member or item of a value; undefined if it has none. */
export function memberOf(value: unknown, key: PropertyKey): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.hasOwn(value, key) ? (value as Record<PropertyKey, unknown>)[key] : undefined;
}
