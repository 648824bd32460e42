/** `--prefer`: the preference given to a policy. */
import { Option } from 'commander';
import { assignmentList } from './assignments.js';

/** The flag of {@link preferOption}. */
export interface PreferOption {
  /** Shares by objective. */
  prefer?: Record<string, number>;
}

/** Creates the option. */
export function preferOption(): Option {
  return new Option(
    '--prefer <list>',
    'stated preference: shares from 0 to 1, such as helpful=0.7; objectives without one split the rest equally ' +
      '(default: combine.preference)',
  ).argParser(assignmentList);
}
