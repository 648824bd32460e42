/** The option for the author of a change to a run. */
import { Option } from 'commander';

/** `--by`. */
export const authorOption = (): Option =>
  new Option('--by <name>', 'the author of the change (default: GAPO_AUTHOR, else your login name)');
