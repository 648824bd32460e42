/** The files that a run was trained from. A run that continues from others would not end in the bytes of an undisturbed one. */
import { UserError } from '@gapo/service';

/** SHA-256 (hex) by the configuration's key, such as `policy.model weights` or `data.prompts`. */
export type RunInputs = Readonly<Record<string, string>>;

/** Keys of what a policy is made of. Without the same, even an evaluation measures another policy. */
export const isPolicyInput = (key: string): boolean => key.startsWith('policy.');

/** Two states of the same files. */
export interface InputsComparison {
  /** Those of a checkpoint. Keys that it lacks are not compared. */
  readonly recorded: RunInputs;
  readonly present: RunInputs;
  /** Those that a user accepted in place of the recorded ones. */
  readonly accepted: RunInputs;
}

/** Returns what has changed, before and after (empty where the file is not there), by key. */
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
 * @throws UserError that names every file that changed
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
