/** What the coordinator is given of a TrainingRun: an id, a configuration, an author. */
import { createHash } from 'node:crypto';
import { steered } from '@gapo/config';
import { combinerOf, methods } from '@gapo/objectives';
import type { TrainingRun } from '../resource/trainingRun.js';
import type { ConfiguredObjective } from './objectives.js';

const methodNames: ReadonlySet<string> = new Set(methods);

/** Digits of the hash in an id. */
const hashDigits = 12;
/** Length of the part of an id that people read; an id has 63 characters at most. */
const readableLength = 63 - 1 - hashDigits;

/**
 * Returns the id of a TrainingRun's run: its namespace and name, and a hash of both with its uid. The same resource has the same id at any
 * time, and a resource that is created again under the same name has another one.
 */
export function runIdOf({ metadata: { namespace, name, uid } }: TrainingRun): string {
  const readable = `${namespace}-${name}`.replaceAll(/[^A-Za-z0-9_-]/g, '-').slice(0, readableLength);
  const hash = createHash('sha256').update(`${namespace}/${name}/${uid}`).digest('hex');
  return `${readable}-${hash.slice(0, hashDigits)}`;
}

/** Returns who the coordinator's records name as the author of what a TrainingRun asks for. */
export function authorOf({ metadata: { namespace, name } }: TrainingRun): string {
  return `TrainingRun ${namespace}/${name}`;
}

/**
 * Returns the configuration to create the run with, as YAML. Its objectives and its preference are those of the spec, so that the first step
 * has them too; where the method takes no preference, the coordinator refuses it later, when it is set.
 *
 * @param objectives those of the spec; undefined where it has none
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
