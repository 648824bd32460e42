/** A run's input files. A run that continued with different ones would not end in the same bytes as an uninterrupted run. */
import { UserError } from '@gapo/service';

/** SHA-256 (hex) by configuration key, such as `policy.model weights` or `data.prompts`. */
export type RunInputs = Readonly<Record<string, string>>;

/** Keys of the inputs that make up the policy. If they differ, even an evaluation measures another policy. */
export const isPolicyInput = (key: string): boolean => key.startsWith('policy.');

/** Two states of the same files. */
export interface InputsComparison {
  /** The inputs of a checkpoint. Keys that it lacks are not compared. */
  readonly recorded: RunInputs;
  readonly present: RunInputs;
  /** The inputs that a user accepted in place of the recorded ones. */
  readonly accepted: RunInputs;
}

/** Returns the changed inputs by key, before and after (empty if the file is missing). */
export function changedInputs({
  recorded,
  present,
  accepted,
}: InputsComparison): Readonly<Record<string, { before: string; after: string }>> {
  const changes = Object.entries(recorded).flatMap(([key, before]) => {
    const after = present[key] ?? '';
    return after === before || (after !== '' && after === accepted[key]) ? [] : [[key, { before, after }] as const];
  });
  return Object.fromEntries(changes);
}

/**
 * Checks that files have not changed.
 *
 * @param counts the keys to check
 * @throws UserError naming every changed file
 */
export function assertSameInputs(
  comparison: InputsComparison,
  checkpoint: string,
  counts: (key: string) => boolean = () => true,
): void {
  const changes = Object.entries(changedInputs(comparison))
    .filter(([key]) => counts(key))
    .map(([key, { before, after }]) => {
      const now = after === '' ? 'is not there now' : `has ${after.slice(0, 12)}… now`;
      return `${key} had SHA-256 ${before.slice(0, 12)}…, ${now}`;
    });
  if (changes.length === 0) return;
  throw new UserError(
    `checkpoint ${checkpoint} was trained from other files: ${changes.join('; ')}; restore them, or create a new run; ` +
      '`gapo resume --accept-changed-inputs` continues with the present ones',
  );
}
