/** Whether a pattern matches. */
import { nonEmptyText } from '@gapo/service';
import { flags, patternProblem, ruleKind } from './ruleKind.js';

export const regex = ruleKind({
  name: 'regex',
  measures: '1 if the JavaScript pattern matches, else 0; flags i, m, s, u, v',
  keys: { pattern: nonEmptyText, flags },
  check({ pattern, flags: given }, refuse) {
    const problem = patternProblem(pattern, given);
    if (problem !== undefined) refuse('pattern', problem);
  },
  measure({ pattern, flags: given }) {
    const expression = new RegExp(pattern, given);
    return ({ completion }) => (expression.test(completion) ? 1 : 0);
  },
});
