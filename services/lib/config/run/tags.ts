/** `tags`: words by which people find runs. Nothing of them changes what a run computes. */
import { z } from '@gapo/service';
import type { Refuse } from './section.js';

const tag = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:=/@-]{0,63}$/)
  .meta({ expected: 'at most 64 letters, digits and any of . _ : = / @ -, a letter or digit first' });

const schema = z
  .array(tag)
  .max(16)
  .optional()
  .meta({ absent: 'none', expected: 'a list of at most 16 tags' })
  .describe('Words by which `gapo runs --tag`, the page and MLflow find the run, such as `[team=support, nightly]`.');

type Tags = z.output<typeof schema>;

function check({ tags: given = [] }: { tags?: Tags }, refuse: Refuse): void {
  for (const [i, each] of given.entries()) {
    if (given.indexOf(each) < i) refuse(['tags', i], 'each tag once');
  }
}

/** Tags. */
export const tags = { schema, check };
