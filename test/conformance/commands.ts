/** The commands in the documents: in code blocks and in inline code. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from './services.js';

/** A command as a reader would type it. */
export interface DocumentedCommand {
  /** Such as `deploy/README.md:120`. */
  readonly place: string;
  readonly text: string;
  /** The names of the variables before it. */
  readonly variables: readonly string[];
  /** Its words, without variables before it and without its comment. */
  readonly words: readonly string[];
  /** In inline code rather than a code block: it may be only part of a command. */
  readonly inline: boolean;
}

/** Documents of the project, except those about the past. */
export const documents: readonly string[] = execFileSync('git', ['ls-files', '*.md'], {
  cwd: projectRoot,
  encoding: 'utf8',
})
  .trim()
  .split('\n')
  .filter((path) => !/^CHANGELOG|^docs\/decisions\/|UPGRADING/.test(path));

export const textOf = (document: string): string => readFileSync(join(projectRoot, document), 'utf8');

const programs = new Set(['make', 'gapo', 'node', 'npm', 'docker', 'helm', 'kubectl']);

/**
 * Splits a line into the variables before a command and its words, like a shell but only as far as documents need
 * it.
 */
function wordsOf(line: string): Pick<DocumentedCommand, 'variables' | 'words'> {
  const words = [...line.matchAll(/(?:"[^"]*"|'[^']*'|\S)+/g)].map(([word]) => word.replaceAll(/["']/g, ''));
  const comment = words.findIndex((word) => word.startsWith('#'));
  const own = comment < 0 ? words : words.slice(0, comment);
  const first = own.findIndex((word) => !/^[A-Z_]+=/.test(word));
  return { variables: own.slice(0, first).map((word) => word.replace(/=.*/, '')), words: own.slice(first) };
}

function commandsIn(document: string): DocumentedCommand[] {
  const found: DocumentedCommand[] = [];
  const add = (text: string, line: number, inline: boolean): void => {
    const command = wordsOf(text);
    if (programs.has(command.words[0] ?? '')) found.push({ place: `${document}:${line}`, text, ...command, inline });
  };
  let block: string | undefined;
  let continued = '';
  for (const [index, raw] of textOf(document).split('\n').entries()) {
    const fence = /^\s*```(\w*)/.exec(raw);
    if (fence !== null) {
      block = block === undefined ? (fence[1] ?? '') : undefined;
    } else if (block === undefined) {
      for (const [, code = ''] of raw.matchAll(/`([^`]+)`/g)) add(code, index + 1, true);
    } else if (block === '' || block === 'sh') {
      const line = `${continued}${raw}`;
      continued = line.endsWith('\\') ? line.slice(0, -1) : '';
      if (continued === '') add(line, index + 1, false);
    }
  }
  return found;
}

/** All of them. */
export const documentedCommands: readonly DocumentedCommand[] = documents.flatMap(commandsIn);
