/** The declaration of a reward kind, from which files, settings, `--help`, the chart and the docs derive. */
import { directory, filePath, unwrap, z } from '@gapo/service';

/** Schemas by key or variable. */
export type Schemas = Readonly<Record<string, z.ZodType>>;

/**
 * A kind of reward that the reward service hosts. services/reward/KIND/mod.ts opens its scorers.
 *
 * @example
 * ```ts
 * import type { RewardKind } from '@gapo/config';
 * import { z } from '@gapo/service';
 *
 * const constant: RewardKind = {
 *   summary: 'the same score for every completion',
 *   entry: { score: z.number().describe('the score') },
 *   settings: {},
 * };
 * console.log(constant.summary);
 * ```
 */
export interface RewardKind<Entry extends Schemas = Schemas, Settings extends Schemas = Schemas> {
  /** What computes the scores, as a noun phrase. */
  readonly summary: string;
  /**
   * The kind's own keys of an entry in rewards.yaml and in the chart's values. The description of each schema is a noun
   * phrase. The service reads KEY from the environment as REWARD_KEY: see {@link variableOf}.
   */
  readonly entry: Entry;
  /** Further environment variables that the service reads for this kind, each with a description. */
  readonly settings: Settings;
  /** Whether one process can serve several entries, each on its own port. @default false */
  readonly shared?: boolean;
}

/** Reward kinds by name: the name is the `kind` of an entry and the value of REWARD_KIND. */
export type RewardKinds = Readonly<Record<string, RewardKind>>;

/** Declares a kind, with the types of its schemas. */
export function rewardKind<Entry extends Schemas, Settings extends Schemas>(
  kind: RewardKind<Entry, Settings>,
): RewardKind<Entry, Settings> {
  return kind;
}

/** The target of an entry's path, by which `gapo reward serve PATH` recognises the kind. */
export type PathTarget =
  | {
      /** A directory that contains this file. */
      readonly directoryWith: string;
    }
  | {
      /** A YAML file with this key at its top level. */
      readonly fileWith: string;
    }
  | {
      /** Any file. It is beside the source and no source itself. */
      readonly file: true;
    };

/** A directory that contains `file`. Its path is relative to rewards.yaml, or in the chart to the project's mount. */
export const directoryWith = (file: string) => directory.meta({ path: { directoryWith: file } satisfies PathTarget });

/** A YAML file with `key` at its top level. Its path is relative like that of a {@link directoryWith}. */
export const fileWith = (key: string) => filePath.meta({ path: { fileWith: key } satisfies PathTarget });

/** Any file beside the source. Its path is relative like that of a {@link directoryWith}. */
export const plainFile = filePath.meta({ path: { file: true } satisfies PathTarget });

/** Returns the target of a key's path; undefined for a key that is not a path. */
export function pathTarget(schema: z.ZodType): PathTarget | undefined {
  return z.globalRegistry.get(unwrap(schema))?.['path'] as PathTarget | undefined;
}

/** Returns the environment variable of an entry's key: REWARD_MAX_ITEMS for maxItems. */
export function variableOf(key: string): string {
  return `REWARD_${key.replace(/[A-Z]/g, '_$&').toUpperCase()}`;
}
