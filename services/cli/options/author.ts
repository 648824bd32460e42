/** Who changes a run: recorded with the change. */
import { userInfo } from 'node:os';
import { UserError } from '@gapo/service';
import { Option } from 'commander';

/** `--by`. */
export const authorOption = (): Option => new Option('--by <name>', 'who changes it (default: your login name)');

/** The option, else the person's login name. */
export function authorOf(option: string | undefined): string {
  if (option !== undefined) return option;
  try {
    return userInfo().username;
  } catch (error) {
    throw new UserError('this user has no login name: say who changes the run with --by NAME', { cause: error });
  }
}
