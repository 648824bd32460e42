/**
 * Reads a Dockerfile and a .dockerignore: the part of both formats that this project uses. Anything else is an error, so
 * that nothing is passed over in silence.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/**
 * @typedef {{ line: number, name: string, flags: Record<string, string>, words: string[], form: 'exec' | 'plain' }} Step
 * @typedef {{ name: string, from: string, steps: Step[] }} Stage
 */

const known = new Set(['WORKDIR', 'COPY', 'RUN', 'ENV', 'USER', 'EXPOSE', 'STOPSIGNAL', 'ENTRYPOINT']);

/**
 * The stages of a Dockerfile, in order.
 *
 * @param {string} text
 * @returns {Stage[]}
 */
export function parseDockerfile(text) {
  /** @type {Record<string, string>} */
  const args = {};
  /** @type {Stage[]} */
  const stages = [];
  for (const { line, instruction } of instructionsOf(text)) {
    const [, name = '', rest = ''] = /^(\S+)\s*(.*)$/s.exec(instruction) ?? [];
    const stage = stages.at(-1);
    if (name === 'ARG' && stage === undefined) {
      const [, key, value] = /^(\w+)=(\S+)$/.exec(rest) ?? unknown(line, instruction);
      args[key] = value;
    } else if (name === 'FROM') {
      const [, from, as] = /^(\S+) AS (\S+)$/.exec(rest) ?? unknown(line, instruction);
      stages.push({ name: as, from: substitute(from, args, line), steps: [] });
    } else if (known.has(name) && stage !== undefined) {
      stage.steps.push(step(line, name, rest));
    } else unknown(line, instruction);
  }
  return stages;
}

/** Instructions with the number of their first line: comments and blank lines dropped, continued lines joined. */
function instructionsOf(text) {
  const found = [];
  let open;
  text.split('\n').forEach((raw, index) => {
    if (raw.trim() === '' || raw.trimStart().startsWith('#')) return;
    const continued = raw.endsWith('\\');
    const part = (continued ? raw.slice(0, -1) : raw).trim();
    if (open === undefined) open = { line: index + 1, instruction: part };
    else open.instruction += ` ${part}`;
    if (continued) return;
    found.push(open);
    open = undefined;
  });
  return found;
}

function step(line, name, rest) {
  if (rest.includes('$')) unknown(line, `${name} ${rest} (variables are known in FROM alone)`);
  if (rest.startsWith('[')) return { line, name, flags: {}, words: JSON.parse(rest), form: 'exec' };
  const words = rest.split(/\s+/);
  /** @type {Record<string, string>} */
  const flags = {};
  // RUN's own flags (--mount and others) are not known here; a command's flags come after its name.
  while (words[0]?.startsWith('--')) {
    const [, key, value] = /^--(from|chown)=(.+)$/.exec(words.shift()) ?? unknown(line, `${name} ${rest}`);
    flags[key] = value;
  }
  return { line, name, flags, words, form: 'plain' };
}

function substitute(text, args, line) {
  return text.replace(/\$\{(\w+)\}/g, (whole, key) => args[key] ?? unknown(line, whole));
}

/** @returns {never} */
function unknown(line, what) {
  throw new Error(`Dockerfile line ${line}: not understood: ${what}`);
}

/**
 * The files of a build context, relative, after .dockerignore: plain paths, * within a name, and a leading **.
 *
 * @param {string} root
 * @param {string} ignore the text of .dockerignore
 * @returns {string[]}
 */
export function contextFiles(root, ignore) {
  const patterns = ignore
    .split('\n')
    .map((line) => line.trim().replace(/\/$/, ''))
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map(patternOf);
  const ignored = (path) => patterns.some((pattern) => pattern.test(path));
  const walk = (folder) =>
    readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (ignored(path)) return [];
      return entry.isDirectory() ? walk(path) : [path];
    });
  return walk('').sort();
}

function patternOf(line) {
  const [, anywhere = '', rest = ''] = /^(\*\*\/)?(.*)$/.exec(line) ?? [];
  if (line.startsWith('!') || rest.includes('**') || /[?[\]]/.test(rest)) {
    throw new Error(`.dockerignore: not understood: ${line}`);
  }
  const name = rest.replace(/[.+^${}()|\\]/g, '\\$&').replaceAll('*', '[^/]*');
  return new RegExp(`^${anywhere === '' ? '' : '(?:.*/)?'}${name}$`);
}
