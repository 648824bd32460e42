/**
 * Makes the file system of the project's images without a Docker engine, by the Dockerfile's own steps:
 *
 *   node deploy/docker/assemble.mjs FOLDER TARGET...     FOLDER/TARGET becomes the image's root folder
 *   node deploy/docker/assemble.mjs --describe TARGET    prints how the image starts, as JSON, and makes nothing
 *
 * Limits. The base image is an empty folder, so what is made holds the project's part alone and runs on this machine's
 * node. RUN knows commands joined by &&: npm, npx and node with this machine's programs; find and rm on relative paths;
 * mkdir, and chown to numeric ids. There is no shell, no variable, no redirection, and no isolation from this machine: a
 * step that is not understood, an absolute path where it would leave the folder, and a FOLDER below any node_modules
 * are errors. COPY and chown keep what Docker keeps: root owns everything that no --chown names. Run it as root.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { contextFiles, parseDockerfile } from './dockerfile.mjs';

const context = fileURLToPath(new URL('../../', import.meta.url));
const stages = parseDockerfile(readFileSync(join(context, 'deploy/docker/Dockerfile'), 'utf8'));

/** What a stage inherits and hands on, beside its files. */
const emptyImage = () => ({ workdir: '/', env: {}, user: '0:0', exposed: [], stopSignal: 'SIGTERM', entrypoint: [] });

function stageNamed(name) {
  const stage = stages.find((candidate) => candidate.name === name);
  if (stage === undefined) fail(`no stage '${name}' in the Dockerfile; it has ${stages.map((s) => s.name).join(', ')}`);
  return stage;
}

/** The image's settings after all steps of a stage. */
function describe(name) {
  const stage = stageNamed(name);
  const inherited = stages.some((s) => s.name === stage.from) ? describe(stage.from) : emptyImage();
  return stage.steps.reduce(configured, inherited);
}

/** The settings after one step. */
function configured(image, { line, name, words, form }) {
  switch (name) {
    case 'WORKDIR':
      return { ...image, workdir: join(image.workdir, words[0]) };
    case 'ENV':
      return { ...image, env: { ...image.env, ...Object.fromEntries(words.map((word) => pair(word, line))) } };
    case 'USER':
      return { ...image, user: words[0] };
    case 'EXPOSE':
      return { ...image, exposed: [...image.exposed, ...words.map(Number)] };
    case 'STOPSIGNAL':
      return { ...image, stopSignal: words[0] };
    case 'ENTRYPOINT':
      if (form !== 'exec') fail(`line ${line}: ENTRYPOINT must be a JSON list, so that no shell stands between`);
      return { ...image, entrypoint: words };
    default:
      return image;
  }
}

function pair(word, line) {
  const at = word.indexOf('=');
  if (at < 1) fail(`line ${line}: expected NAME=value, found ${word}`);
  return [word.slice(0, at), word.slice(at + 1)];
}

const made = new Map();

/** Makes a stage and those it needs, once; returns its root folder. */
function assemble(out, name) {
  const already = made.get(name);
  if (already !== undefined) return already;
  const stage = stageNamed(name);
  const root = join(out, name);
  rmSync(root, { recursive: true, force: true });
  const parent = stages.find((candidate) => candidate.name === stage.from);
  if (parent === undefined) mkdirSync(root, { recursive: true });
  else cpSync(assemble(out, parent.name), root, { recursive: true, verbatimSymlinks: true });
  let image = parent === undefined ? emptyImage() : describe(parent.name);
  for (const step of stage.steps) {
    image = configured(image, step);
    mkdirSync(join(root, image.workdir), { recursive: true });
    if (step.name === 'COPY') copy(out, root, image, step);
    if (step.name === 'RUN') run(root, image, step);
  }
  made.set(name, root);
  return root;
}

function copy(out, root, image, { line, flags, words }) {
  const [source, target, ...more] = words;
  if (target === undefined || more.length > 0) fail(`line ${line}: COPY takes one source and one target here`);
  const to = join(root, isAbsolute(target) ? target : join(image.workdir, target));
  if (flags.from === undefined) copyFromContext(source, to);
  else {
    if (!isAbsolute(source)) fail(`line ${line}: COPY --from takes an absolute source here`);
    const from = join(assemble(out, flags.from), source);
    if (!existsSync(from)) fail(`line ${line}: ${source} is not in stage ${flags.from}`);
    if (!lstatSync(from).isDirectory()) fail(`line ${line}: COPY --from takes folders only here`);
    cpSync(from, to, { recursive: true, verbatimSymlinks: true });
  }
  if (flags.chown !== undefined) giveTo(flags.chown, to, line);
}

/** Copies a folder of the build context; like Docker, its contents and not the folder itself. */
function copyFromContext(source, to) {
  const prefix = source === '.' ? '' : `${source}/`;
  const files = contextFiles(context, readFileSync(join(context, '.dockerignore'), 'utf8'));
  const wanted = files.filter((file) => file.startsWith(prefix));
  if (wanted.length === 0) fail(`COPY ${source}: nothing of that name is in the build context`);
  for (const file of wanted) {
    const target = join(to, file.slice(prefix.length));
    mkdirSync(dirname(target), { recursive: true });
    cpSync(join(context, file), target, { verbatimSymlinks: true });
  }
}

function giveTo(owner, path, line) {
  const [, uid, gid] = /^(\d+):(\d+)$/.exec(owner) ?? fail(`line ${line}: expected numeric uid:gid, found ${owner}`);
  chownSync(path, Number(uid), Number(gid));
  if (lstatSync(path).isDirectory()) for (const name of readdirSync(path)) giveTo(owner, join(path, name), line);
}

const external = new Set(['npm', 'npx', 'node', 'find', 'rm']);

function run(root, image, { line, words }) {
  for (const command of splitAt(words, '&&')) {
    const [program, ...args] = command;
    if (command.some((word) => /["'`$|;<>*?~\\]|^&$/.test(word))) {
      fail(`line ${line}: no shell reads this here: ${command.join(' ')}`);
    }
    const cwd = join(root, image.workdir);
    if (program === 'mkdir' && args.length === 1) {
      mkdirSync(join(root, resolve(image.workdir, args[0])));
      chmodSync(join(root, resolve(image.workdir, args[0])), 0o755);
    } else if (program === 'chown' && args.length === 2) {
      giveTo(args[0], join(root, resolve(image.workdir, args[1])), line);
    } else if (external.has(program)) {
      if (args.some((arg) => isAbsolute(arg) || arg.includes('..')))
        fail(`line ${line}: ${program} would leave the folder`);
      const { status, error } = spawnSync(program, args, {
        cwd,
        env: { ...process.env, ...image.env },
        stdio: ['ignore', 2, 2],
      });
      if (error !== undefined || status !== 0) {
        fail(`line ${line}: ${command.join(' ')} ${error === undefined ? `ended with code ${status}` : error.message}`);
      }
    } else fail(`line ${line}: the command is not known here: ${command.join(' ')}`);
  }
}

function splitAt(words, separator) {
  const parts = [[]];
  for (const word of words) {
    if (word === separator) parts.push([]);
    else parts.at(-1).push(word);
  }
  return parts;
}

/** @returns {never} */
function fail(message) {
  process.stderr.write(`assemble: ${message}\n`);
  process.exit(2);
}

/** A node_modules above the folder would be found by node, and hide that one is missing in an image. */
function requireNoModulesAbove(folder) {
  for (let at = folder; at !== dirname(at); at = dirname(at)) {
    if (existsSync(join(at, 'node_modules')))
      fail(`${at} holds node_modules; choose a folder elsewhere, as under /tmp`);
  }
}

const [first, ...rest] = process.argv.slice(2);
if (first === undefined || rest.length === 0) fail('usage: assemble.mjs FOLDER TARGET... or --describe TARGET');
if (first === '--describe') process.stdout.write(`${JSON.stringify(describe(rest[0]))}\n`);
else {
  const out = resolve(first);
  requireNoModulesAbove(out);
  rest.forEach((target) => stageNamed(target));
  for (const target of rest) process.stdout.write(`${target}: ${assemble(out, target)}\n`);
}
