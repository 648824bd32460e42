/** Whether a pattern matches. */
import { z } from '@gapo/service';
import { common, flags, patternProblem, ruleKind, text } from './ruleKind.js';

export const regex = ruleKind({
  schema: z
    .object({ kind: z.literal('regex'), pattern: text, flags, ...common })
    .superRefine(({ pattern, flags: given }, context) => {
      const message = patternProblem(pattern, given);
      if (message !== undefined) context.addIssue({ code: 'custom', path: ['pattern'], message });
    }),
  measure({ pattern, flags: given }) {
    const expression = new RegExp(pattern, given);
    return ({ completion }) => (expression.test(completion) ? 1 : 0);
  },
});
