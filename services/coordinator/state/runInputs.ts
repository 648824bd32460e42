/** The files that a run was trained from. A run that continues from others would not end in the bytes of an undisturbed one. */
import { UserError } from '@gapo/service';

/** SHA-256 (hex) by the configuration's key, such as `policy.model weights` or `data.prompts`. */
export type RunInputs = Readonly<Record<string, string>>;

/** Keys of what a policy is made of. Without the same, even an evaluation measures another policy. */
export const isPolicyInput = (key: string): boolean => key.startsWith('policy.');

/**
 * Checks that files have not changed.
 *
 * @param recorded those of a checkpoint. Keys that it lacks are not checked
 * @param counts the keys to check
 * @throws UserError that names every file that changed
 */
export function assertSameInputs(
  recorded: RunInputs,
  present: RunInputs,
  checkpoint: string,
  counts: (key: string) => boolean = () => true,
): void {
  const changes = Object.entries(recorded)
    .filter(([key, sha256]) => counts(key) && present[key] !== sha256)
    .map(([key, sha256]) => {
      const now = present[key];
      return `${key} had SHA-256 ${sha256.slice(0, 12)}…, ${now === undefined ? 'is not there now' : `has ${now.slice(0, 12)}… now`}`;
    });
  if (changes.length === 0) return;
  throw new UserError(
    `checkpoint ${checkpoint} was trained from other files: ${changes.join('; ')}; restore them, or create a new run`,
  );
}
