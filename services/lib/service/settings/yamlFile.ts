/** Parses a YAML file into a typed value, or reports every problem in it with line and column. */
import {
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  parseDocument,
  Parser,
  Document,
  visit,
  type YAMLError,
} from 'yaml';
import type { z } from 'zod';
import { ConfigError, shortened, shownKey, showPath, type ConfigProblem } from './configError.js';
import { check, type Finding } from './problems.js';
import { schemaWords } from './schemaWalk.js';

/** The origin of a text. */
export interface YamlSource {
  /** The file's name as given, at the start of every error line. */
  source: string;
}

/**
 * Parses YAML 1.2 text and checks it against a schema. Unknown keys, duplicate keys and non-finite numbers are always
 * problems.
 *
 * @returns the schema's output, defaults filled in
 * @throws ConfigError with all problems, in the order of the file
 */
export function parseYaml<S extends z.ZodType>(schema: S, text: string, { source }: YamlSource): z.output<S> {
  assertShallow(text, source);
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false,
    strict: true,
    logLevel: 'error', // its warnings are reported as problems here
  });
  if (document.errors.length > 0) {
    throw new ConfigError(
      source,
      document.errors.map((error) => syntaxProblem(error, lines)),
    );
  }
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) {
    const empty = { path: '', line: 1, column: 1, found: 'an empty file', expected: schemaWords(schema) };
    throw new ConfigError(source, [empty]);
  }
  const problems = structureProblems(document.contents, [], lines, aliasTargets(document));
  if (problems.some((problem) => problem.found.startsWith('alias'))) throw new ConfigError(source, problems);
  const result = check(schema, toValue(document, source));
  if (result.ok && problems.length === 0) return result.value;
  if (!result.ok) problems.push(...result.findings.map((finding) => place(finding, document, lines)));
  problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
  throw new ConfigError(source, problems);
}

/** The deepest nesting of a file. */
const deepest = 100;

/**
 * Refuses text nested so deeply that recursive functions would exhaust the stack, which may make V8 end the whole process. The
 * parser used here manages its own stack.
 *
 * @throws ConfigError if it does
 */
function assertShallow(text: string, source: string): void {
  const parser = new Parser();
  let [line, column] = [1, 1];
  for (const lexeme of new Lexer().lex(text)) {
    // Only the number of open collections matters, not the tokens.
    for (const _token of parser.next(lexeme));
    if (parser.stack.length > deepest) {
      const found = `more than ${deepest} parts within each other`;
      throw new ConfigError(source, [{ path: '', line, column, found, expected: 'a file that nests less deeply' }]);
    }
    const breaks = lexeme.split('\n');
    line += breaks.length - 1;
    column = breaks.length > 1 ? (breaks.at(-1)?.length ?? 0) + 1 : column + lexeme.length;
  }
}

/** Formats a JSON value as YAML. Lists of numbers or words take one line. */
export function yamlText(value: unknown): string {
  const document = new Document(value, { aliasDuplicateObjects: false });
  visit(document, {
    Seq(_, node) {
      node.flow = node.items.every(isScalar);
    },
  });
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}

function toValue(document: Document.Parsed, source: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch {
    // Once every alias is known, the only remaining error is text that grows without bound.
    const found = 'aliases that repeat a part more than 100 times';
    throw new ConfigError(source, [{ path: '', line: 1, column: 1, found, expected: 'the part written out' }]);
  }
}

/** The node that each alias refers to. */
type AliasTargets = ReadonlyMap<unknown, unknown>;

/** Finds the targets of all aliases in one pass. The library would search the whole file for each. */
function aliasTargets(document: Document.Parsed): AliasTargets {
  const anchors = new Map<string, unknown>();
  const targets = new Map<unknown, unknown>();
  visit(document, {
    Alias: (_, alias) => void targets.set(alias, anchors.get(alias.source)),
    Value: (_, node) => void (node.anchor !== undefined && anchors.set(node.anchor, node)),
  });
  return targets;
}

/**
 * Returns the nesting depth of a node, following aliases; Infinity for a node that contains itself.
 *
 * @param most depth beyond which nodes are not visited: the result is then Infinity
 * @param known the known depths of nodes in the file
 */
function depthOf(node: unknown, most: number, targets: AliasTargets, known: Map<unknown, number>): number {
  const found = known.get(node);
  if (found !== undefined) return found;
  if (most < 0) return Infinity;
  known.set(node, Infinity); // while its children are visited
  let inner: readonly unknown[] = [];
  if (isAlias(node)) inner = [targets.get(node)];
  else if (isSeq(node)) inner = node.items;
  else if (isMap(node)) inner = node.items.flatMap(({ key, value }) => [key, value]);
  const depth = inner.reduce<number>((max, each) => Math.max(max, 1 + depthOf(each, most - 1, targets, known)), 0);
  known.set(node, depth);
  return depth;
}

/** Finds problems that the parser accepts or reports without a location: duplicate keys, aliases without an anchor. */
function structureProblems(
  node: unknown,
  path: PropertyKey[],
  lines: LineCounter,
  targets: AliasTargets,
  depths = new Map<unknown, number>(),
): ConfigProblem[] {
  const at = (inner: unknown) => {
    const { line, col } = lines.linePos(startOf(inner) ?? 0);
    return { line, column: col };
  };
  if (isAlias(node)) {
    const place = { ...at(node), path: showPath(path), found: `alias *${shortened(node.source)}` };
    const target = targets.get(node);
    if (target === undefined) return [{ ...place, expected: 'an alias of an anchor set before it' }];
    if (path.length + depthOf(target, deepest, targets, depths) <= deepest) return [];
    const expected = `an alias of a part that neither contains itself nor nests more than ${deepest} parts`;
    return [{ ...place, expected }];
  }
  if (isSeq(node))
    return node.items.flatMap((item, i) => structureProblems(item, [...path, i], lines, targets, depths));
  if (!isMap(node)) return [];
  const seen = new Set<string>();
  return node.items.flatMap((pair) => {
    const key = keyText(pair.key);
    const here = [...path, key];
    const inner = structureProblems(pair.value, here, lines, targets, depths);
    if (!seen.has(key)) {
      seen.add(key);
      return inner;
    }
    const twice = { path: showPath(here), found: `key ${shownKey(key)} a second time`, expected: 'each key once' };
    return [{ ...at(pair.key), ...twice }, ...inner];
  });
}

/** Maximum characters of the parser's message about a mistake. */
const longestSyntaxProblem = 200;

function syntaxProblem(error: YAMLError, lines: LineCounter): ConfigProblem {
  const at = lines.linePos(error.pos[0]);
  const place = { path: '', line: at.line, column: at.col };
  if (error.code === 'TAB_AS_INDENT') return { ...place, found: 'a tab', expected: 'spaces for indentation' };
  if (error.code === 'MULTIPLE_DOCS') return { ...place, found: 'a second document', expected: 'one document' };
  // The message may quote the rest of the file.
  const [line = ''] = error.message.split('\n');
  const what = line.length > longestSyntaxProblem ? `${line.slice(0, longestSyntaxProblem)}…` : line;
  return { ...place, found: `broken YAML: ${what}`, expected: 'valid YAML' };
}

/** Adds line and column: of the key if the key is wrong, otherwise of the value, or of the mapping if the value is missing. */
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
