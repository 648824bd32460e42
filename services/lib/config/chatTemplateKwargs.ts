/** Variables of the policy's chat template, which a run and a fine-tuning set. */
import { templateVariables } from '@gapo/model';
import { z } from '@gapo/service';

/** Variables by name. Those that every rendering sets itself are refused. */
export const chatTemplateKwargs = z
  .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))
  .refine((variables) => templateVariables.every((name) => !Object.hasOwn(variables, name)), {
    message: `variables with other names than ${templateVariables.join(', ')}, which every rendering sets`,
  })
  .describe("Variables for every rendering of the policy's chat template, such as `enable_thinking: false`.");
