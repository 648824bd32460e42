/** Generates the tables of docs/configuration.md. The prose around them is written by hand. */
import { filled, table } from '@gapo/markdown';
import { shape } from '../run/runConfig.js';
import { alternativesOf, fieldsOf, topFields, type Alternative, type Field } from './fields.js';

const headings = /^## (\S+)$/gm;

const columns = ['key', 'values', 'default', 'description'];

/**
 * Returns a document with its tables generated from the schema.
 *
 * @throws RangeError if it has a place for an unknown table
 */
export function withTables(text: string): string {
  const sections = [...text.matchAll(headings)].flatMap(([, name]) => name ?? []);
  return filled(text, (name) => tableOf(name, sections));
}

/**
 * Returns a table by its name: `run.yaml` lists the keys of the file, the name of a key lists its own keys, and
 * `combine.method` lists the methods of `combine`.
 *
 * @param sections keys with a heading in the document, to which the table of the file links
 * @throws RangeError for any other name
 */
function tableOf(name: string, sections: readonly string[]): string {
  if (name === 'run.yaml') {
    return table(
      columns,
      topFields(shape)
        .map(cellsOf)
        .map(([key = '', ...cells]) => [linked(key, sections), ...cells]),
    );
  }
  const [key = '', ...discriminator] = name.split('.');
  const schema = Object.entries(shape.shape).find(([found]) => found === key)?.[1];
  if (schema === undefined) throw new RangeError(`there is no table "${name}": ${key} is not a key of run.yaml`);
  const alternatives = alternativesOf(schema);
  if (discriminator.length > 0) return methodTable(discriminator.join('.'), alternatives);
  return alternatives.length === 0 ? table(columns, fieldsOf(schema).map(cellsOf)) : optionTable(alternatives);
}

function cellsOf({ path, values, fallback, description }: Field): string[] {
  return [`\`${path}\``, values, fallback, description];
}

function linked(key: string, sections: readonly string[]): string {
  const name = key.replaceAll('`', '');
  return sections.includes(name) ? `[${key}](#${name.toLowerCase()})` : key;
}

/** Returns a table with one row per alternative. */
function methodTable(discriminator: string, alternatives: readonly Alternative[]): string {
  const common = keysOfAll(alternatives);
  const rows = alternatives.map(({ tag, description, fields }) => [
    `\`${tag}\``,
    description,
    fields.flatMap(({ path }) => (common.has(path) ? [] : [`\`${path}\``])).join(', '),
  ]);
  return table([`\`${discriminator}\``, 'description', 'options'], rows);
}

/** Returns a table with one row per option of any alternative: first those of some, then those of all. */
function optionTable(alternatives: readonly Alternative[]): string {
  const common = keysOfAll(alternatives);
  const rows = new Map<string, { readonly cells: string[]; readonly tags: string[] }>();
  for (const { tag, fields } of alternatives) {
    for (const field of fields) {
      const cells = cellsOf(field);
      const row = rows.get(cells.join()) ?? { cells, tags: [] };
      row.tags.push(`\`${tag}\``);
      rows.set(cells.join(), row);
    }
  }
  const byTags = [...rows.values()].map(({ cells: [key = '', ...cells], tags }) => {
    const isCommon = common.has(key.replaceAll('`', ''));
    return { isCommon, cells: [key, isCommon ? 'all' : tags.join(', '), ...cells] };
  });
  const ordered = [...byTags.filter(({ isCommon }) => !isCommon), ...byTags.filter(({ isCommon }) => isCommon)];
  const [first = '', ...others] = columns;
  return table(
    [first, 'methods', ...others],
    ordered.map(({ cells }) => cells),
  );
}

/** Returns the keys that every alternative has. */
function keysOfAll(alternatives: readonly Alternative[]): ReadonlySet<string> {
  const [first, ...others] = alternatives.map(({ fields }) => new Set(fields.map(({ path }) => path)));
  return new Set([...(first ?? [])].filter((key) => others.every((keys) => keys.has(key))));
}
