/** The error of a configuration that is not right: every problem at once, each with its place. */

/** One thing that is wrong. */
export interface ConfigProblem {
  /** Where in the document, as `objectives[1].service`, or the variable's name; empty for the document itself. */
  path: string;
  /** Line from 1; absent for environment variables. */
  line?: number;
  /** Column from 1; absent for environment variables. */
  column?: number;
  /** What is there, as `number 3`. */
  found: string;
  /** What would be right, as `a host:port string`. */
  expected: string;
  /** What to do, where that can be known, as `did you mean "service"?`. */
  hint?: string;
}

/**
 * A configuration was refused. The message has one line a problem, `run.yaml:12:5 objectives[1].service: found number 3,
 * expected a host:port string`. `expected` is true: a service prints the message alone and exits with code 2.
 */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  /** Marks the error as one for a person, without a stack. */
  readonly expected = true;
  /** The file's name, or `environment`. */
  readonly source: string;
  /** Every problem, in the order of the document. */
  readonly problems: readonly ConfigProblem[];

  constructor(source: string, problems: readonly ConfigProblem[]) {
    super(problems.map((problem) => problemLine(source, problem)).join('\n'));
    this.source = source;
    this.problems = problems;
  }
}

function problemLine(source: string, problem: ConfigProblem): string {
  const place = problem.line === undefined ? source : `${source}:${problem.line}:${problem.column ?? 1}`;
  const path = problem.path === '' ? '' : ` ${problem.path}`;
  const hint = problem.hint === undefined ? '' : ` (${problem.hint})`;
  return `${place}${path}: found ${problem.found}, expected ${problem.expected}${hint}`;
}

/** A path of keys and indices for people: `objectives[1].service`; keys that are not words are quoted. */
export function showPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (!/^[\w-]+$/.test(String(part))) text += `[${JSON.stringify(String(part))}]`;
    else text += text === '' ? String(part) : `.${String(part)}`;
  }
  return text;
}

const longestShown = 60;

/** A value for people: its kind and, where it is short, itself. */
export function showValue(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (typeof value === 'number') return `number ${Number.isNaN(value) ? '.nan' : showNumber(value)}`;
  if (typeof value === 'string') {
    const short = value.length > longestShown ? `${value.slice(0, longestShown)}...` : value;
    return `string ${JSON.stringify(short)}`;
  }
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`;
  if (typeof value === 'object') return Object.keys(value).length === 0 ? 'an empty mapping' : 'a mapping';
  if (typeof value === 'boolean' || typeof value === 'bigint') return `${typeof value} ${value}`;
  return `a ${typeof value}`;
}

function showNumber(value: number): string {
  if (value === Infinity) return '.inf';
  return value === -Infinity ? '-.inf' : String(value);
}
