/** Command line options for settings: help text, default and validation come from the setting's schema. */
import { fromText, metaOf, schemaWords, unwrap, z } from '@gapo/service';
import { InvalidArgumentError, Option } from 'commander';

/**
 * Creates the option of a setting.
 *
 * @param flags such as `--warmup <share>`
 * @param schema the setting's schema, with its description and default
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

/** Formats a description as help text: sentences in lower case, separated by semicolons. */
function helpText(description: string): string {
  return description
    .replace(/\.$/, '')
    .split('. ')
    .map((sentence) => sentence.replace(/^[A-Z](?![A-Z])/, (letter) => letter.toLowerCase()))
    .join('; ');
}
