/** A YAML file as a typed value, or every problem in it with line and column. */
import {
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Document,
  type YAMLError,
} from 'yaml';
import type { z } from 'zod';
import { ConfigError, type ConfigProblem } from './configError.js';
import { check, type Finding } from './problems.js';
import { schemaWords } from './schemaWalk.js';

/** Where a text came from. */
export interface YamlSource {
  /** The file's name as the person gave it; it begins every error's line. */
  source: string;
}

/**
 * Parses YAML 1.2 text and checks it against a schema. Unknown keys, duplicate keys and numbers that are not finite are
 * problems whatever the schema says.
 *
 * @returns the schema's output, defaults filled in
 * @throws ConfigError with all problems, in the order of the file
 */
export function parseYaml<S extends z.ZodType>(schema: S, text: string, { source }: YamlSource): z.output<S> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true, strict: true });
  if (document.errors.length > 0) {
    throw new ConfigError(
      source,
      document.errors.map((error) => syntaxProblem(error, text, lines)),
    );
  }
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) {
    const empty = { path: '', line: 1, column: 1, found: 'an empty file', expected: schemaWords(schema) };
    throw new ConfigError(source, [empty]);
  }
  const result = check(schema, toValue(document, source));
  if (result.ok) return result.value;
  const placed = result.findings.map((finding) => place(finding, document, lines));
  placed.sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
  throw new ConfigError(source, placed);
}

function toValue(document: Document.Parsed, source: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    const found = error instanceof Error ? error.message.replace(/\.$/, '') : String(error);
    throw new ConfigError(source, [
      { path: '', line: 1, column: 1, found, expected: 'aliases that name an anchor, at most 100 expansions' },
    ]);
  }
}

function syntaxProblem(error: YAMLError, text: string, lines: LineCounter): ConfigProblem {
  const at = lines.linePos(error.pos[0]);
  const place = { path: '', line: at.line, column: at.col };
  if (error.code === 'DUPLICATE_KEY') {
    const key = /^[^\s:]*/.exec(text.slice(error.pos[0]))?.[0] ?? '';
    return { ...place, path: key, found: `the key "${key}" a second time`, expected: 'each key once' };
  }
  if (error.code === 'TAB_AS_INDENT') return { ...place, found: 'a tab', expected: 'spaces for indentation' };
  if (error.code === 'MULTIPLE_DOCS') return { ...place, found: 'a second document', expected: 'one document' };
  return { ...place, found: `broken YAML: ${error.message.split('\n')[0] ?? ''}`, expected: 'valid YAML' };
}

/** Adds line and column: of the key where the key is wrong, of the value else, of the mapping where the value is missing. */
function place(finding: Finding, document: Document.Parsed, lines: LineCounter): ConfigProblem {
  const at = lines.linePos(offsetOf(finding, document));
  return { ...finding.problem, line: at.line, column: at.col };
}

function offsetOf({ path, atKey }: Finding, document: Document.Parsed): number {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const [depth, key] of path.entries()) {
    let next: unknown;
    if (isMap(node)) {
      const pair = node.items.find((item) => isPair(item) && keyText(item.key) === String(key));
      if (pair === undefined) return offset;
      const keyOffset = startOf(pair.key) ?? offset;
      if (atKey && depth === path.length - 1) return keyOffset;
      next = pair.value;
      offset = startOf(next) ?? keyOffset;
    } else if (isSeq(node) && typeof key === 'number') {
      next = node.items[key];
      offset = startOf(next) ?? offset;
    } else return offset;
    node = next;
  }
  return offset;
}

function keyText(key: unknown): string {
  return String(isScalar(key) ? key.value : key);
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}
