/** Options of the command line that stand for settings: text, default and check come from the setting's schema. */
import { fromText, metaOf, schemaWords, unwrap, z } from '@gapo/service';
import { InvalidArgumentError, Option } from 'commander';

/**
 * An option for a setting.
 *
 * @param flags as `--warmup <share>`
 * @param schema the setting: its description is the option's text, its default the option's
 */
export function settingOption(flags: string, schema: z.ZodType): Option {
  const absent = metaOf(schema, 'absent');
  const text = helpText(metaOf(schema, 'description') ?? '');
  const option = new Option(flags, absent === undefined ? text : `${text} (default: ${absent})`);
  const missing = schema.safeParse(undefined);
  if (!missing.success) option.makeOptionMandatory();
  else if (missing.data !== undefined) option.default(missing.data);
  const inner = unwrap(schema);
  if (inner instanceof z.ZodEnum) return option.choices(Object.values(inner.enum).map(String));
  return option.argParser((given) => {
    const parsed = schema.safeParse(fromText(schema, given));
    if (parsed.success) return parsed.data;
    throw new InvalidArgumentError(`Expected ${schemaWords(schema)}.`);
  });
}

/** A description as help texts have it: sentences that begin in lower case, separated by semicolons. */
function helpText(description: string): string {
  return description
    .replace(/\.$/, '')
    .split('. ')
    .map((sentence) => sentence.replace(/^[A-Z](?![A-Z])/, (letter) => letter.toLowerCase()))
    .join('; ');
}
