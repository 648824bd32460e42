/** Reads the settings of a service from environment variables, as named and described by a schema. */
import { z } from 'zod';
import { ConfigError } from './configError.js';
import { nearestKey } from './editDistance.js';
import { check } from './problems.js';
import { metaOf, schemaWords, unwrap } from './schemaWalk.js';

/** One row of a table of settings. */
export interface SettingRow {
  /** The environment variable. */
  name: string;
  /** A description of its values. */
  expected: string;
  /** The default value, if it has one. */
  default?: string;
  /** Whether the service refuses to start without it. */
  required: boolean;
  /** The schema's description. */
  description: string;
}

/**
 * Reads settings. Each key of the schema is a variable's name; its value is parsed by {@link fromText}. A variable that is unset or empty counts as
 * missing. Variables that the schema does not name are ignored.
 *
 * @throws ConfigError naming every invalid variable, what was found and what is expected
 */
export function readSettings<S extends z.ZodObject>(schema: S, env: NodeJS.ProcessEnv = process.env): z.output<S> {
  const values: Record<string, unknown> = {};
  for (const [name, member] of membersOf(schema)) {
    const text = env[name]?.trim();
    if (text !== undefined && text !== '') values[name] = fromText(member, text);
  }
  const result = check(schema, values);
  if (result.ok) return result.value;
  const problems = result.findings.map(({ problem }) => {
    if (problem.found !== 'nothing' || problem.hint !== undefined) return problem;
    const near = nearestKey(
      problem.path,
      Object.keys(env).filter((name) => !Object.hasOwn(schema.shape, name)),
    );
    return near === undefined ? problem : { ...problem, hint: `${near} is set: did you mean ${problem.path}?` };
  });
  throw new ConfigError('environment', problems);
}

const number = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const trueWords = ['true', '1', 'yes', 'on'];
const falseWords = ['false', '0', 'no', 'off'];

/**
 * Parses a text as the schema's type: integers and numbers in decimal, booleans as true/false, 1/0, yes/no or on/off, lists
 * separated by commas or, for texts with commas, as an array in JSON. Returns any other text unchanged, so that the schema reports what was expected.
 */
export function fromText(schema: z.core.$ZodType, text: string): unknown {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodNumber) return number.test(text) ? Number(text) : text;
  if (inner instanceof z.ZodBoolean) {
    const lower = text.toLowerCase();
    if (trueWords.includes(lower)) return true;
    return falseWords.includes(lower) ? false : text;
  }
  if (inner instanceof z.ZodArray) {
    const { element } = inner._zod.def;
    if (text.startsWith('["')) return jsonOf(text);
    return text.split(',').map((item) => fromText(element, item.trim()));
  }
  return text;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Returns the settings as rows of a table, for `--help`, in the schema's order. */
export function describeSettings(schema: z.ZodObject): SettingRow[] {
  return membersOf(schema).map(([name, member]): SettingRow => {
    const missing = z.safeParse(member, undefined);
    const row = {
      name,
      expected: schemaWords(member),
      required: !missing.success,
      description: metaOf(member, 'description') ?? '',
    };
    return missing.success && missing.data !== undefined ? { ...row, default: showDefault(missing.data) } : row;
  });
}

/** Lists the variables of a schema, in its order. */
function membersOf(schema: z.ZodObject): [string, z.core.$ZodType][] {
  const shape: Readonly<Record<string, z.core.$ZodType>> = schema.shape;
  return Object.entries(shape);
}

function showDefault(value: unknown): string {
  if (Array.isArray(value)) return value.map(showDefault).join(',');
  return typeof value === 'string' ? value : JSON.stringify(value);
}
