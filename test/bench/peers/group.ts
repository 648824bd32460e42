/** The inputs and results of a group of measurements. */
import type { Versions } from './peerProcess.js';
import type { Timing } from './rounds.js';

/** The machine's resources and the peers to compare with. */
export interface Setting {
  /** A Python with the packages of requirements.txt. */
  readonly python: string;
  /** A Python with vLLM; without one, vLLM is omitted. */
  readonly vllm: string | undefined;
  readonly threads: number;
  readonly rounds: number;
  /** A directory for models, which is deleted afterwards. */
  readonly scratch: string;
  readonly say: (text: string) => void;
}

/** One comparison: how long it takes here, and there. */
export interface Row {
  /** What is done. */
  readonly what: string;
  /** The other implementation. */
  readonly peer: string;
  readonly ours: Timing;
  readonly theirs: Timing;
}

/** A table of comparisons. */
export interface Group {
  readonly rows: readonly Row[];
  readonly versions: Versions;
  /** What a reader must know about the comparison, in sentences. */
  readonly notes: readonly string[];
}
