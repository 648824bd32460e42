/** The author of a change to a run, which is recorded with the change. */
import { userInfo } from 'node:os';
import { UserError } from '@gapo/service';
import { Option } from 'commander';

/** `--by`. */
export const authorOption = (): Option => new Option('--by <name>', 'who changes it (default: your login name)');

/**
 * Returns the option's value, or the user's login name.
 *
 * @throws UserError if there is neither
 */
export function authorOf(option: string | undefined): string {
  if (option !== undefined) return option;
  try {
    return userInfo().username;
  } catch (error) {
    throw new UserError('the current user has no login name: name the author with --by NAME', { cause: error });
  }
}
