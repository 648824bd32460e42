/** The interface of a top-level key of the run configuration. */
import type { Refuse } from '@gapo/objectives';
import type { z } from '@gapo/service';

export type { Refuse };

/** Reports conflicts of a key with the rest of the configuration. */
export type Check<Config> = (config: Config, refuse: Refuse) => void;

/**
 * A top-level key. The schema has its type, default and description, `check` the rules that involve other keys. The type of
 * its parameter names the keys that it reads, as written, with the defaults that depend on nothing else.
 */
export interface Section<Config = never> {
  readonly schema: z.ZodType;
  readonly check?: Check<Config>;
}
