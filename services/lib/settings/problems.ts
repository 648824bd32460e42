/** Every problem of a value under a schema, as plain data: unknown keys, numbers that are not finite, zod's issues. */
import { z } from 'zod';
import { showPath, showValue, type ConfigProblem } from './configError.js';
import { nearestKey } from './editDistance.js';
import {
  isMapping,
  issueExpectation,
  memberOf,
  schemaAt,
  schemaWords,
  statedExpectation,
  unknownKeys,
} from './schemaWalk.js';

type Issue = z.core.$ZodIssue;

/** A problem with the path as keys, for the one who knows where the keys stand. */
export interface Finding {
  path: PropertyKey[];
  /** The key itself is wrong, not its value. */
  atKey: boolean;
  problem: ConfigProblem;
}

/** The typed value, or everything that is wrong with it. */
export type Checked<T> = { ok: true; value: T } | { ok: false; findings: Finding[] };

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
    const expected = known.length === 0 ? 'no more keys' : `one of ${known.join(', ')}`;
    add(
      path,
      `unknown key "${key}"`,
      near === undefined ? expected : `"${near}"`,
      near && `did you mean "${near}"?`,
      true,
    );
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
      const stated = ruling && statedExpectation(ruling);
      const inner =
        issue.code === 'invalid_union' && ruling !== undefined ? schemaWords(ruling) : issueExpectation(issue);
      const own = issue.code === 'custom' && issue.message !== 'Invalid input';
      const found = valueAt(value, path);
      add(path, showValue(found), own ? issue.message : (stated ?? inner), hintOf(issue, found));
    }
  }
  if (findings.length > 0) return { ok: false, findings };
  return parsed.success ? { ok: true, value: parsed.data } : { ok: false, findings };
}

/** A refinement may say what to do: `ctx.addIssue({ code: 'custom', message, params: { hint } })`; enums suggest. */
function hintOf(issue: Issue, found: unknown): string | undefined {
  if (issue.code === 'custom' && typeof issue.params?.['hint'] === 'string') return issue.params['hint'];
  if (issue.code !== 'invalid_value' || typeof found !== 'string') return undefined;
  const near = nearestKey(
    found,
    issue.values.filter((value) => typeof value === 'string'),
  );
  return near === undefined ? undefined : `did you mean "${near}"?`;
}

/** A union's issue becomes those of the alternative that came nearest: of the value's kind, with the fewest problems. */
function flatten(issues: readonly Issue[], value: unknown): Issue[] {
  return issues.flatMap((issue) => {
    if (issue.code === 'invalid_element' || issue.code === 'invalid_key') {
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
