/** Every problem of a value under a schema, as plain data: unknown keys, numbers that are not finite, zod's issues. */
import { z } from 'zod';
import { ConfigError, showPath, showValue, type ConfigProblem } from './configError.js';
import { nearestKey } from './editDistance.js';
import {
  isMapping,
  isUnion,
  issueExpectation,
  memberOf,
  schemaAt,
  schemaWords,
  statedExpectation,
  unknownKeys,
  unwrap,
} from './schemaWalk.js';

type Issue = z.core.$ZodIssue;
type Schema = z.core.$ZodType;

/** A problem with the path as keys, for the one who knows where the keys stand. */
export interface Finding {
  path: PropertyKey[];
  /** The key itself is wrong, not its value. */
  atKey: boolean;
  problem: ConfigProblem;
}

/** The typed value, or everything that is wrong with it. */
export type Checked<T> = { ok: true; value: T } | { ok: false; findings: Finding[] };

/**
 * Reads a value that came from no file, as a request.
 *
 * @param source what the value is part of; it begins every line of an error
 * @throws ConfigError with every problem: its path, what was found, what is expected
 */
export function parseValue<S extends z.ZodType>(schema: S, value: unknown, source: string): z.output<S> {
  const checked = check(schema, value);
  if (checked.ok) return checked.value;
  throw new ConfigError(
    source,
    checked.findings.map(({ problem }) => problem),
  );
}

/** Checks a value against a schema. Unknown keys are problems whether or not the schema is strict. */
export function check<S extends z.ZodType>(schema: S, value: unknown): Checked<z.output<S>> {
  const findings: Finding[] = [];
  const seen = new Set<string>();
  const add = (path: PropertyKey[], found: string, expected: string, hint?: string, atKey = false) => {
    const shown = showPath(path);
    const mark = `${shown}|${atKey ? 'key' : expected}`;
    if (seen.has(mark)) return;
    seen.add(mark);
    findings.push({ path, atKey, problem: { path: shown, found, expected, ...(hint === undefined ? {} : { hint }) } });
  };
  for (const { path, known } of unknownKeys(schema, value)) {
    const key = String(path.at(-1));
    const near = nearestKey(key, known);
    const expected = known.length === 0 ? 'an empty mapping' : `one of ${known.join(', ')}`;
    const hint = near === undefined ? undefined : `did you mean "${near}"?`;
    add(path, `unknown key "${key}"`, expected, hint, true);
  }
  for (const path of nonFinite(value)) {
    const ruling = schemaAt(schema, value, path);
    add(path, showValue(valueAt(value, path)), (ruling && statedExpectation(ruling)) ?? 'a finite number');
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    for (const issue of flatten(parsed.error.issues, value)) {
      if (issue.code === 'unrecognized_keys') continue;
      const path = [...issue.path];
      const ruling = schemaAt(schema, value, path);
      if (issue.code === 'invalid_key') {
        const holder = schemaAt(schema, value, path.slice(0, -1));
        add(path, `key ${JSON.stringify(path.at(-1))}`, keyExpectation(issue, holder), undefined, true);
        continue;
      }
      const found = valueAt(value, path);
      add(path, showValue(found), expectation(issue, ruling, schema, value), hintOf(issue, found, schema, value));
    }
  }
  if (findings.length > 0) return { ok: false, findings };
  return parsed.success ? { ok: true, value: parsed.data } : { ok: false, findings };
}

/** What would be right: the refinement's own message, what the schema states, or the words of zod's issue. */
function expectation(issue: Issue, ruling: Schema | undefined, schema: Schema, value: unknown): string {
  if (issue.code === 'custom' && issue.message !== 'Invalid input') return issue.message;
  const stated = ruling && statedExpectation(ruling);
  if (stated !== undefined) return stated;
  const tags = tagValues(issue, schema, value);
  if (tags.length > 0) return `one of ${tags.join(', ')}`;
  if (ruling !== undefined && (issue.code === 'invalid_union' || isUnion(ruling))) return schemaWords(ruling);
  return issueExpectation(issue);
}

function keyExpectation(issue: Issue, holder: Schema | undefined): string {
  const record = holder === undefined ? undefined : unwrap(holder);
  if (record instanceof z.ZodRecord) return `a key that is ${schemaWords(record.keyType)}`;
  return issueExpectation(issue);
}

/** The tags that a discriminated union knows, for an issue at its discriminator. */
function tagValues(issue: Issue, schema: Schema, value: unknown): string[] {
  if (issue.code !== 'invalid_union' || issue.discriminator === undefined) return [];
  const union = schemaAt(schema, value, issue.path.slice(0, -1));
  const inner = union === undefined ? undefined : unwrap(union);
  if (!(inner instanceof z.ZodDiscriminatedUnion)) return [];
  return inner._zod.def.options
    .flatMap((option) => [...(option._zod.propValues?.[inner._zod.def.discriminator] ?? [])])
    .map(String);
}

/** A refinement may say what to do: `ctx.addIssue({ code: 'custom', message, params: { hint } })`; enums and tags suggest. */
function hintOf(issue: Issue, found: unknown, schema: Schema, value: unknown): string | undefined {
  if (issue.code === 'custom' && typeof issue.params?.['hint'] === 'string') return issue.params['hint'];
  if (typeof found !== 'string') return undefined;
  const known = issue.code === 'invalid_value' ? issue.values.map(String) : tagValues(issue, schema, value);
  const near = nearestKey(found, known);
  return near === undefined ? undefined : `did you mean "${near}"?`;
}

/** A union's issue becomes those of the alternative that came nearest: of the value's kind, with the fewest problems. */
function flatten(issues: readonly Issue[], value: unknown): Issue[] {
  return issues.flatMap((issue) => {
    if (issue.code === 'invalid_element') {
      return flatten(
        issue.issues.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })),
        value,
      );
    }
    if (issue.code !== 'invalid_union') return [issue];
    // An alternative that refuses the value's very kind says nothing; where all do, the union as a whole is shown.
    const deep = issue.errors.filter(
      (list) => !list.some((inner) => inner.path.length === 0 && inner.code === 'invalid_type'),
    );
    const nearest = [...deep].sort((a, b) => a.length - b.length)[0];
    if (nearest === undefined || !isMappingOrList(valueAt(value, issue.path))) return [issue];
    return flatten(
      nearest.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })),
      value,
    );
  });
}

function isMappingOrList(value: unknown): boolean {
  return isMapping(value) || Array.isArray(value);
}

/** Paths of the numbers that are not finite. */
function nonFinite(value: unknown, path: PropertyKey[] = []): PropertyKey[][] {
  if (typeof value === 'number') return Number.isFinite(value) ? [] : [path];
  if (Array.isArray(value)) return value.flatMap((item, i) => nonFinite(item, [...path, i]));
  if (isMapping(value)) return Object.entries(value).flatMap(([key, item]) => nonFinite(item, [...path, key]));
  return [];
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce(memberOf, value);
}
