/** Lists the keys of a schema as rows of a table: values, default and description. */
import { metaOf, schemaWords, unwrap, z } from '@gapo/service';

type Schema = z.core.$ZodType;

/** A key. */
export interface Field {
  /** Relative to the documented schema, such as `lora.rank`. */
  readonly path: string;
  /** Its values, in Markdown. */
  readonly values: string;
  /** Its default, in Markdown, or `required`. */
  readonly fallback: string;
  /** In Markdown. */
  readonly description: string;
}

/** An alternative of a discriminated union. */
export interface Alternative {
  /** The value of the discriminator. */
  readonly tag: string;
  readonly description: string;
  /** Its keys without the discriminator. */
  readonly fields: readonly Field[];
}

/** Lists the members of an object schema, in its order; none for other schemas. */
function membersOf(schema: Schema): [string, Schema][] {
  const inner = unwrap(schema);
  return inner instanceof z.ZodObject ? Object.entries<Schema>(inner.shape) : [];
}

/** Lists the keys of an object schema, without nested ones. */
export function topFields(schema: Schema): Field[] {
  return membersOf(schema).map(([path, member]) => fieldOf(path, member));
}

/** Lists the keys of an object schema, or of the objects in a list or a mapping, at every depth. */
export function fieldsOf(schema: Schema, prefix = ''): Field[] {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodArray) return fieldsOf(inner._zod.def.element, prefix);
  if (inner instanceof z.ZodRecord) return fieldsOf(inner._zod.def.valueType, `${prefix}<name>.`);
  if (inner instanceof z.ZodUnion) return inner._zod.def.options.flatMap((option) => fieldsOf(option, prefix));
  return membersOf(inner).flatMap(([key, member]) => {
    const field = fieldOf(prefix + key, member);
    // The discriminator of a union has no description: its values head the rows of another table.
    return [...(field.description === '' ? [] : [field]), ...fieldsOf(member, `${prefix}${key}.`)];
  });
}

/** Lists the alternatives of a discriminated union, in its order. */
export function alternativesOf(schema: Schema): Alternative[] {
  const union = unwrap(schema);
  if (!(union instanceof z.ZodDiscriminatedUnion)) return [];
  const { discriminator, options } = union._zod.def;
  return options.map((option) => ({
    tag: [...(option._zod.propValues?.[discriminator] ?? [])].join(', '),
    description: metaOf(option, 'description') ?? '',
    fields: fieldsOf(option),
  }));
}

function fieldOf(path: string, schema: Schema): Field {
  return {
    path,
    values: valuesOf(schema),
    fallback: fallbackOf(schema),
    description: metaOf(schema, 'description') ?? '',
  };
}

function valuesOf(schema: Schema): string {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodLiteral) return [...inner.values].map(code).join(', ');
  if (inner instanceof z.ZodEnum) return Object.values(inner.enum).map(code).join(', ');
  if (inner instanceof z.ZodBoolean) return [true, false].map(code).join(', ');
  if (inner instanceof z.ZodDiscriminatedUnion) return 'a mapping';
  return schemaWords(schema);
}

function fallbackOf(schema: Schema): string {
  const words = metaOf(schema, 'absent');
  if (words !== undefined) return words;
  for (let inner: Schema | undefined = schema; inner !== undefined; inner = innerOf(inner)) {
    if (inner instanceof z.ZodDefault || inner instanceof z.ZodPrefault) return code(inner._zod.def.defaultValue);
    if (inner instanceof z.ZodOptional) return '';
  }
  return 'required';
}

function innerOf(schema: Schema): Schema | undefined {
  return (schema._zod.def as { innerType?: Schema }).innerType;
}

/** Formats a value as YAML on one line, in code quotes. An empty mapping stands for its keys' defaults. */
function code(value: unknown): string {
  const text = flow(value);
  return text === '{}' ? 'its defaults' : `\`${text}\``;
}

function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  const members = Object.entries(value).map(([key, member]) => `${key}: ${flow(member)}`);
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`;
}
