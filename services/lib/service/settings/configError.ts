/** The error of an invalid configuration: all problems together, each with its location. */
import { quotingBriefly } from '../userError.js';

/** One problem. */
export interface ConfigProblem {
  /**
   * The location in the document, such as `objectives[1].service`, or the variable's name; empty for the document itself.
   */
  path: string;
  /** Line from 1; absent for environment variables. */
  line?: number;
  /** Column from 1; absent for environment variables. */
  column?: number;
  /** The value that was found, such as `number 3`. */
  found: string;
  /** The expected value, such as `a host:port string`. */
  expected: string;
  /** A suggestion, such as `did you mean "service"?`. */
  hint?: string;
}

/** Maximum number of problems listed in a message. The rest are counted. */
const mostLines = 50;

/**
 * A configuration is invalid. The message has one line per problem, `run.yaml:12:5 objectives[1].service: found number 3,
 * expected a host:port string`. `expected` is true: a service prints only the message and exits with code 2.
 */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  /** Marks the error as expected: it is printed without a stack. */
  readonly expected = true;
  /** The file's name, or `environment`. */
  readonly source: string;
  /** Every problem, in the order of the document. */
  readonly problems: readonly ConfigProblem[];

  constructor(source: string, problems: readonly ConfigProblem[]) {
    const lines = problems.slice(0, mostLines).map((problem) => problemLine(source, problem));
    const more = problems.length - lines.length;
    super(quotingBriefly((more > 0 ? [...lines, `${source}: and ${more} more problems`] : lines).join('\n')));
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

/** Formats a path of keys and indices: `objectives[1].service`; keys that are not words are quoted. */
export function showPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (!/^[\w-]+$/.test(String(part))) text += `[${shownKey(String(part))}]`;
    else text += text === '' ? shortened(String(part)) : `.${shortened(String(part))}`;
  }
  return text;
}

const longestShown = 60;

/** Returns the first `most` characters of a text, for an error message. */
export function shortened(text: string, most = longestShown): string {
  return text.length > most ? `${text.slice(0, most)}...` : text;
}

/** Quotes a key for an error message. */
export function shownKey(key: string): string {
  return JSON.stringify(shortened(key));
}

/** Describes a value for an error message: its kind and, unless it is long, the value. */
export function showValue(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (typeof value === 'number') return `number ${Number.isNaN(value) ? '.nan' : showNumber(value)}`;
  if (typeof value === 'string') {
    return `string ${JSON.stringify(shortened(value))}`;
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
