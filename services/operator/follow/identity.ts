/** What the coordinator receives for a TrainingRun: an id, a configuration, an author. */
import { createHash } from 'node:crypto';
import { steered } from '@gapo/config';
import { combinerOf, methods } from '@gapo/objectives';
import type { TrainingRun } from '../resource/trainingRun.js';
import type { ConfiguredObjective } from './objectives.js';

const methodNames: ReadonlySet<string> = new Set(methods);

/** Number of hash digits in an id. */
const hashDigits = 12;
/** Length of the human-readable part of an id; an id has at most 63 characters. */
const readableLength = 63 - 1 - hashDigits;

/**
 * Returns the id of a TrainingRun's run: its namespace and name, and a hash of both with its uid. A resource always has the same id, and a
 * resource created again under the same name has a different one.
 */
export function runIdOf({ metadata: { namespace, name, uid } }: TrainingRun): string {
  const readable = `${namespace}-${name}`.replaceAll(/[^A-Za-z0-9_-]/g, '-').slice(0, readableLength);
  const hash = createHash('sha256').update(`${namespace}/${name}/${uid}`).digest('hex');
  return `${readable}-${hash.slice(0, hashDigits)}`;
}

/** Returns the author recorded by the coordinator for a TrainingRun's requests. */
export function authorOf({ metadata: { namespace, name } }: TrainingRun): string {
  return `TrainingRun ${namespace}/${name}`;
}

/**
 * Returns the configuration to create the run with, as YAML. Its objectives and preference are those of the spec, so that they apply to the
 * first step too. If the method takes no preference, the coordinator refuses it later, when it is set.
 *
 * @param objectives the objectives of the spec; undefined if it has none
 */
export function configYamlOf(
  { spec: { config: given, preference } }: TrainingRun,
  objectives?: readonly ConfiguredObjective[],
): string {
  const config = objectives === undefined ? given : { ...given, objectives };
  const combine = given['combine'];
  if (preference === undefined || !isCombination(combine)) return JSON.stringify(config);
  return JSON.stringify(takesPreference(combine) ? steered({ ...config, combine }, preference) : config);
}

function takesPreference({ method }: { readonly method: string }): boolean {
  return methodNames.has(method) && combinerOf(method).steeredBy !== undefined;
}

function isCombination(value: unknown): value is { readonly method: string } {
  return typeof value === 'object' && value !== null && 'method' in value && typeof value.method === 'string';
}
