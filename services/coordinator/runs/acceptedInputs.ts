/** Changes to a run's input files that a user accepted when resuming the run. */
import { z } from '@gapo/service';
import type { RunInputs } from '../state/runInputs.js';

const changeSchema = z.object({
  /** When, RFC 3339. */
  time: z.string(),
  author: z.string(),
  /** Steps taken before the change. */
  step: z.int().min(0),
  /** SHA-256 (hex) before and after, by input key. `after` is empty if the file was removed. */
  inputs: z.record(z.string(), z.object({ before: z.string(), after: z.string() })),
});

/** The content of `acceptedInputs` in run.json: the changes, in order. */
export const acceptedInputsSchema = z.array(changeSchema);

export type AcceptedInputs = z.output<typeof acceptedInputsSchema>;

/** Returns the newest accepted SHA-256 of each input. */
export function acceptedIn(changes: AcceptedInputs = []): RunInputs {
  const accepted = changes.flatMap(({ inputs }) => Object.entries(inputs).map(([key, { after }]) => [key, after]));
  return Object.fromEntries(accepted) as RunInputs;
}
