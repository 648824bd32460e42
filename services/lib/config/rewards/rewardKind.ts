/** What a reward kind declares: everything that files, settings, `--help`, the chart and the docs derive from. */
import { directory, filePath, unwrap, z } from '@gapo/service';

/** Schemas by key or variable. */
export type Schemas = Readonly<Record<string, z.ZodType>>;

/**
 * A kind of reward that the reward service hosts. How its scorers are opened is the service's part:
 * services/reward/KIND/mod.ts.
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
   * The keys of an entry in rewards.yaml and in the chart's values, besides those of every kind; each schema has a
   * description, a noun phrase. The service reads KEY from the environment as REWARD_KEY: see {@link variableOf}.
   */
  readonly entry: Entry;
  /** Further environment variables that the service reads for this kind, each with a description. */
  readonly settings: Settings;
  /** Whether one process can serve several entries, each on a port of its own. @default false */
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

/** What an entry's path leads to, and what `gapo reward serve PATH` recognises it by. */
export type PathTarget =
  | {
      /** A directory that holds this file. */
      readonly directoryWith: string;
    }
  | {
      /** A YAML file with this key at its top level. */
      readonly fileWith: string;
    };

/** A directory that holds `file`. In rewards.yaml its path is relative to that file, in the chart to the project's mount. */
export const directoryWith = (file: string) => directory.meta({ path: { directoryWith: file } satisfies PathTarget });

/** A YAML file with `key` at its top level. Its path is relative as that of a {@link directoryWith}. */
export const fileWith = (key: string) => filePath.meta({ path: { fileWith: key } satisfies PathTarget });

/** What the path of an entry's key leads to; undefined for a key that is not a path. */
export function pathTarget(schema: z.ZodType): PathTarget | undefined {
  return z.globalRegistry.get(unwrap(schema))?.['path'] as PathTarget | undefined;
}

/** The environment variable of an entry's key: REWARD_MAX_ITEMS for maxItems. */
export function variableOf(key: string): string {
  return `REWARD_${key.replace(/[A-Z]/g, '_$&').toUpperCase()}`;
}
