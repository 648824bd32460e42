/** The common fields of Kubernetes objects that the operator reads. */
import { z } from '@gapo/service';

/** An owner of an object. */
export const ownerReference = z.looseObject({ uid: z.string(), controller: z.boolean().optional() });

/** The metadata that the operator reads; the rest is kept as it is. */
export const metadata = z.looseObject({
  name: z.string(),
  namespace: z.string(),
  uid: z.string(),
  resourceVersion: z.string(),
  generation: z.int().optional(),
  deletionTimestamp: z.string().optional(),
  finalizers: z.array(z.string()).optional(),
});

/** An object with metadata. */
export interface Identified {
  readonly metadata: z.output<typeof metadata>;
}

/** Whether a condition holds. */
const conditionStatus = z.enum(['True', 'False', 'Unknown']);

/** Returns the schema of a condition of some types. */
export function conditionSchemaOf<const Types extends readonly [string, ...string[]]>(types: Types) {
  return z.object({
    type: z.enum(types),
    status: conditionStatus,
    observedGeneration: z.int().optional(),
    lastTransitionTime: z.string(),
    reason: z.string(),
    message: z.string(),
  });
}

/** A condition without the fields that depend on its history. */
export interface Finding {
  readonly status: z.output<typeof conditionStatus>;
  readonly reason: string;
  readonly message: string;
}

/** Formats a time for a status: RFC 3339, in whole seconds. */
export function timeText(time: Date): string {
  return time.toISOString().replace(/\.\d+Z$/, 'Z');
}

/** When a condition was observed. */
export interface FoundAt {
  /** The object's generation. */
  readonly generation: number | undefined;
  readonly time: Date;
}

/**
 * Returns a condition with the time of its last transition.
 *
 * @param before the previous condition of that type; undefined if there was none
 */
export function conditionSince<Type extends string>(
  type: Type,
  finding: Finding,
  before: { readonly status: string; readonly lastTransitionTime: string } | undefined,
  { generation = 0, time }: FoundAt,
) {
  const lastTransitionTime = before?.status === finding.status ? before.lastTransitionTime : timeText(time);
  return { type, ...finding, observedGeneration: generation, lastTransitionTime };
}

/** Whether a version of an object is older than another. Versions are increasing numbers. */
export function isOlder(a: Identified, b: Identified): boolean {
  return BigInt(a.metadata.resourceVersion) < BigInt(b.metadata.resourceVersion);
}
