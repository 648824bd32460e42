/** A fuzz target: a reader, and inputs for it. */
import type fc from 'fast-check';

/** A reader with its inputs. */
export interface Target {
  /** Inputs: what {@link Target.read} gets. */
  readonly inputs: fc.Arbitrary<unknown>;
  /**
   * Reads an input. It may throw an expected error that names the location. Any other error is a failure.
   */
  read(input: never): unknown;
  /** The text that every message has to contain, such as the file's name. @default nothing */
  readonly place?: string;
  /** Whether an error of another library is expected. @default none */
  readonly expects?: (error: unknown) => boolean;
  /** Checks the state after some inputs. Throws if something is wrong. */
  check?(): Promise<void>;
  close?(): Promise<void>;
}

/** Opens a target over a directory in which it may write. */
export type OpenTarget = (directory: string) => Promise<Target>;

/** Creates a target. The types of its inputs and reader agree. */
export function target<T>(
  inputs: fc.Arbitrary<T>,
  read: (input: T) => unknown,
  rest: Omit<Target, 'inputs' | 'read'> = {},
): Target {
  return { inputs, read, ...rest };
}
