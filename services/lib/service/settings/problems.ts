/** Finds every problem of a value under a schema: unknown keys, non-finite numbers, zod's issues. */
import { z } from 'zod';
import { ConfigError, shownKey, showPath, showValue, type ConfigProblem } from './configError.js';
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

/** A problem with its path as keys, so that a caller can find its line and column. */
export interface Finding {
  path: PropertyKey[];
  /** Whether the problem is the key itself, not its value. */
  atKey: boolean;
  problem: ConfigProblem;
}

/** The typed value, or all of its problems. */
export type Checked<T> = { ok: true; value: T } | { ok: false; findings: Finding[] };

/**
 * Parses a value that does not come from a file, such as a request.
 *
 * @param source the name of the value's origin, at the start of every error line
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
    add(path, `unknown key ${shownKey(key)}`, expected, hint, true);
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
        add(path, `key ${shownKey(String(path.at(-1)))}`, keyExpectation(issue, holder), undefined, true);
        continue;
      }
      const found = valueAt(value, path);
      add(path, showValue(found), expectation(issue, ruling, schema, value), hintOf(issue, found, schema, value));
    }
  }
  if (findings.length > 0) return { ok: false, findings };
  return parsed.success ? { ok: true, value: parsed.data } : { ok: false, findings };
}

/** Returns the expected value: the refinement's own message, the schema's stated expectation, or zod's expectation. */
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

/** Returns the tags of a discriminated union, for an issue at its discriminator. */
function tagValues(issue: Issue, schema: Schema, value: unknown): string[] {
  if (issue.code !== 'invalid_union' || issue.discriminator === undefined) return [];
  const union = schemaAt(schema, value, issue.path.slice(0, -1));
  const inner = union === undefined ? undefined : unwrap(union);
  if (!(inner instanceof z.ZodDiscriminatedUnion)) return [];
  return inner._zod.def.options
    .flatMap((option) => [...(option._zod.propValues?.[inner._zod.def.discriminator] ?? [])])
    .map(String);
}

/** Returns a refinement's own hint (`ctx.addIssue({ code: 'custom', message, params: { hint } })`), or the nearest tag. */
function hintOf(issue: Issue, found: unknown, schema: Schema, value: unknown): string | undefined {
  if (issue.code === 'custom' && typeof issue.params?.['hint'] === 'string') return issue.params['hint'];
  if (typeof found !== 'string') return undefined;
  const known = issue.code === 'invalid_value' ? issue.values.map(String) : tagValues(issue, schema, value);
  const near = nearestKey(found, known);
  return near === undefined ? undefined : `did you mean "${near}"?`;
}

/** Replaces a union's issue with those of the nearest alternative: of the value's kind, with the fewest problems. */
function flatten(issues: readonly Issue[], value: unknown): Issue[] {
  return issues.flatMap((issue) => {
    if (issue.code === 'invalid_element') {
      return flatten(
        issue.issues.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })),
        value,
      );
    }
    if (issue.code !== 'invalid_union') return [issue];
    // An alternative that refuses the value's kind, as a literal does, does not count; if all do, the union's own issue is shown.
    const deep = issue.errors.filter(
      (list) =>
        !list.some(({ path, code }) => path.length === 0 && (code === 'invalid_type' || code === 'invalid_value')),
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

/** Lists the paths of non-finite numbers. */
function nonFinite(value: unknown, path: PropertyKey[] = []): PropertyKey[][] {
  if (typeof value === 'number') return Number.isFinite(value) ? [] : [path];
  if (Array.isArray(value)) return value.flatMap((item, i) => nonFinite(item, [...path, i]));
  if (isMapping(value)) return Object.entries(value).flatMap(([key, item]) => nonFinite(item, [...path, key]));
  return [];
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce(memberOf, value);
}
