/** What a top-level key of the run configuration consists of. */
import type { Refuse } from '@gapo/objectives';
import type { z } from '@gapo/service';

export type { Refuse };

/** Reports everything about a key that the rest of the configuration rules out. */
export type Check<Config> = (config: Config, refuse: Refuse) => void;

/**
 * A top-level key. The schema holds its type, default and description; `check` holds the rules that involve other keys.
 * Its parameter's type names the keys that it reads, as they are written, with the defaults that depend on nothing else.
 */
export interface Section<Config = never> {
  readonly schema: z.ZodType;
  readonly check?: Check<Config>;
}
