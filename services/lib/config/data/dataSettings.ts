/** Settings of data files that runs, `gapo sft` and `gapo reward train` share. */
import { z } from '@gapo/service';

/** The names under which rows are read. */
const forms = z.enum([
  'id',
  'prompt',
  'completion',
  'text',
  'messages',
  'conversations',
  'chosen',
  'rejected',
  'labels',
  'instruction',
  'input',
  'output',
  'label',
  'tools',
]);

/** Names of columns by the name under which rows are read. */
export const columnMap = z
  .partialRecord(forms, z.string().min(1))
  .meta({ expected: 'names of columns, such as {prompt: question}', absent: 'the names of the form' })
  .optional()
  .describe('Columns with other names: `{prompt: question}` reads the column `question` as `prompt`.');

/** What happens to rows that are too long. */
export const overlong = z
  .enum(['refuse', 'drop', 'truncate-left'])
  .describe(
    "What happens to a row that does not fit the model's context, or for a prompt the context minus `rollout.maxNewTokens`. " +
      '`refuse`: an error. `drop`: it is left out. `truncate-left`: it is truncated from the left. The log and the run state how many.',
  );
