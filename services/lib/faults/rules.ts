/**
 * The language of GAPO_FAULTS: rules separated by semicolons.
 *
 *     rule     = POINT [ "[" TEXT "]" ] "=" fault [ "@" HIT [ "+" ] ]
 *     fault    = "kill" | "stop" | "error:" CODE | "delay:" MILLISECONDS
 *
 * A rule applies to hits of its point whose detail contains TEXT: to all of them, to number HIT only, or with `+` to number
 * HIT and all later ones.
 */
import { getSystemErrorMap } from 'node:util';
import { faultPoints, isFaultPoint, type FaultPointName } from './points.js';

/** What happens at a point. */
export type Fault =
  /** The process kills itself with SIGKILL. */
  | { readonly kind: 'kill' }
  /** The process stops itself with SIGSTOP, until somebody sends SIGCONT. */
  | { readonly kind: 'stop' }
  /** The operation fails with an error of the system, such as ENOSPC. */
  | { readonly kind: 'error'; readonly code: string }
  /** The operation waits. */
  | { readonly kind: 'delay'; readonly ms: number };

/** A fault, and the hits of a point that it happens at. */
export interface FaultRule {
  readonly point: FaultPointName;
  /** A part of the details of the hits that count; empty: all count. */
  readonly text: string;
  readonly fault: Fault;
  /** The number of the first hit that the fault happens at, from 1. */
  readonly first: number;
  /** The number of the last such hit. */
  readonly last: number;
  /** The rule as it was written. */
  readonly source: string;
}

/** A rule that cannot be read. An expected error: the service prints its message and does not start. */
export class FaultSyntaxError extends Error {
  override readonly name = 'FaultSyntaxError';
  readonly expected = true;
}

const form = 'POINT[TEXT]=kill|stop|error:CODE|delay:MILLISECONDS@HIT, with [TEXT] and @HIT optional';
const rulePattern = /^([\w.]+)(?:\[([^\]]*)\])?=([a-z]+)(?::(\w+))?(?:@([1-9]\d{0,8})(\+?))?$/;

/** Codes of the system's errors, such as ENOSPC, and their numbers and messages. */
const systemErrors = new Map([...getSystemErrorMap()].map(([errno, [code, message]]) => [code, { errno, message }]));

/**
 * Parses the value of GAPO_FAULTS.
 *
 * @throws FaultSyntaxError that quotes the first rule which is not valid, and says what was expected
 */
export function parseFaults(text: string): FaultRule[] {
  return text
    .split(';')
    .map((rule) => rule.trim())
    .filter((rule) => rule !== '')
    .map(parseRule);
}

function parseRule(source: string): FaultRule {
  const refuse = (what: string): never => {
    throw new FaultSyntaxError(`GAPO_FAULTS: found "${source}", ${what}`);
  };
  const match = rulePattern.exec(source);
  if (match === null) return refuse(`expected ${form}`);
  const [, point = '', matched = '', kind = '', argument, hit, onwards] = match;
  if (!isFaultPoint(point)) return refuse(`expected one of the points ${Object.keys(faultPoints).join(', ')}`);
  const first = hit === undefined ? 1 : Number(hit);
  const last = hit === undefined || onwards === '+' ? Infinity : first;
  return { point, text: matched, fault: faultOf(kind, argument, refuse), first, last, source };
}

function faultOf(kind: string, argument: string | undefined, refuse: (what: string) => never): Fault {
  switch (kind) {
    case 'kill':
    case 'stop':
      return argument === undefined ? { kind } : refuse(`expected no argument of ${kind}`);
    case 'error':
      if (argument !== undefined && systemErrors.has(argument)) return { kind, code: argument };
      return refuse('expected error: and the code of a system error, such as error:ENOSPC');
    case 'delay': {
      const ms = Number(argument);
      if (argument !== undefined && Number.isSafeInteger(ms)) return { kind, ms };
      return refuse('expected delay: and a number of milliseconds, such as delay:500');
    }
    default:
      return refuse('expected kill, stop, error:CODE or delay:MILLISECONDS');
  }
}

/** Returns the error that node throws where a system call fails with a code. */
export function systemError(code: string, syscall: string, detail: string): NodeJS.ErrnoException {
  const { errno, message } = systemErrors.get(code) ?? { errno: 0, message: 'unknown error' };
  const error: NodeJS.ErrnoException = new Error(
    `${code}: ${message}, ${syscall} '${detail}' (injected by GAPO_FAULTS)`,
  );
  return Object.assign(error, { code, errno, syscall });
}
