/** Finds a directory's chat template in the same places as transformers 5. */
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ModelError } from '../errors.js';
import { exists, readJson, readText } from '../files.js';

/** A template's text and the file it comes from. */
export interface TemplateSource {
  readonly source: string;
  readonly path: string;
}

/** The folder of additional named templates, for other uses such as tools. */
export const furtherTemplates = 'additional_chat_templates';

const extension = '.jinja';

/**
 * Returns a directory's chat template.
 *
 * @param settings tokenizer_config.json; separate files take precedence over it
 * @returns undefined if there is none
 * @throws ModelError if there are several, and none is the default
 */
export async function templateSource(
  directory: string,
  settings: Readonly<Record<string, unknown>>,
): Promise<TemplateSource | undefined> {
  const file = join(directory, `chat_template${extension}`);
  if (await exists(file)) return { source: await readText(file), path: file };
  const further = await readdir(join(directory, furtherTemplates)).catch((): string[] => []);
  const names = further.filter((name) => name.endsWith(extension)).map((name) => basename(name, extension));
  if (names.length > 0) throw noDefault(join(directory, furtherTemplates), names);
  const inSettings = chosen(settings['chat_template'], join(directory, 'tokenizer_config.json'));
  if (inSettings !== undefined) return inSettings;
  const ofProcessor = join(directory, 'chat_template.json');
  return (await exists(ofProcessor)) ? chosen((await readJson(ofProcessor))['chat_template'], ofProcessor) : undefined;
}

/**
 * Returns the template if it is a text, or the default of several, given as a list or as an object by
 * name.
 *
 * @throws ModelError if none of several is the default
 */
function chosen(value: unknown, path: string): TemplateSource | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return { source: value, path };
  const entries: unknown[][] = Array.isArray(value)
    ? value.map((one: unknown) => (isNamed(one) ? [one.name, one.template] : []))
    : Object.entries(value);
  const templates = new Map<unknown, unknown>(entries.map(([name, template]) => [name, template]));
  const source = templates.get('default');
  if (typeof source === 'string') return { source, path };
  throw noDefault(path, [...templates.keys()].map(String));
}

function noDefault(path: string, names: readonly string[]): ModelError {
  return new ModelError(
    path,
    `has several chat templates and none is the default (${names.join(', ')}); write the one to use into chat_template${extension}`,
  );
}

function isNamed(value: unknown): value is { readonly name: unknown; readonly template: unknown } {
  return typeof value === 'object' && value !== null && 'name' in value && 'template' in value;
}
