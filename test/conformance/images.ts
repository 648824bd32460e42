/** How the images start, according to the Dockerfile. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DockerfileParser, type Instruction } from 'dockerfile-ast';
import { projectRoot } from './services.js';

/** The settings of an image. */
export interface ImageDescription {
  workdir: string;
  env: Record<string, string>;
  labels: Record<string, string>;
  user: string;
  exposed: number[];
  stopSignal: NodeJS.Signals;
  entrypoint: string[];
  /** The health check; empty if there is none. */
  probe: string[];
}

interface Stage {
  readonly name: string;
  readonly from: string;
  readonly instructions: readonly Instruction[];
}

const stages = readStages(readFileSync(join(projectRoot, 'deploy/docker/Dockerfile'), 'utf8'));

function readStages(text: string): ReadonlyMap<string, Stage> {
  const found = new Map<string, Stage>();
  let instructions: Instruction[] = [];
  for (const instruction of DockerfileParser.parse(text).getInstructions()) {
    const from = /^(?:--platform=\S+ )?(\S+) AS (\S+)$/.exec(instruction.getArgumentsContent() ?? '');
    if (instruction.getKeyword() === 'FROM') {
      const [, parent = '', name = ''] = from ?? assert.fail(`a stage without a name: ${instruction.toString()}`);
      instructions = [];
      found.set(name, { name, from: parent, instructions });
    } else instructions.push(instruction);
  }
  return found;
}

/** The names of all targets that are images. */
export const imageTargets: readonly string[] = [...stages]
  .filter(([, { instructions }]) => instructions.some((instruction) => instruction.getKeyword() === 'ENTRYPOINT'))
  .map(([name]) => name);

/** The settings of a Dockerfile target, without those of its base image. */
export function describeImage(target: string): ImageDescription {
  const stage = stages.get(target) ?? assert.fail(`the Dockerfile has no stage ${target}`);
  const inherited: ImageDescription = stages.has(stage.from)
    ? describeImage(stage.from)
    : { workdir: '/', env: {}, labels: {}, user: '0:0', exposed: [], stopSignal: 'SIGTERM', entrypoint: [], probe: [] };
  return stage.instructions.reduce(configured, inherited);
}

function configured(image: ImageDescription, instruction: Instruction): ImageDescription {
  const content = instruction.getArgumentsContent() ?? '';
  switch (instruction.getKeyword()) {
    case 'WORKDIR':
      return { ...image, workdir: join(image.workdir, content) };
    case 'ENV':
      return { ...image, env: { ...image.env, ...pairsOf(instruction) } };
    case 'LABEL':
      return { ...image, labels: { ...image.labels, ...pairsOf(instruction) } };
    case 'USER':
      return { ...image, user: content };
    case 'EXPOSE':
      return { ...image, exposed: [...image.exposed, ...content.split(' ').map(Number)] };
    case 'STOPSIGNAL':
      return { ...image, stopSignal: content as NodeJS.Signals };
    case 'ENTRYPOINT':
      return { ...image, entrypoint: JSON.parse(content) as string[] };
    case 'HEALTHCHECK':
      return { ...image, probe: content === 'NONE' ? [] : (JSON.parse(content.replace(/^.*?CMD /, '')) as string[]) };
    default:
      return image;
  }
}

/** `NAME=value` and `NAME="a value"`. */
function pairsOf(instruction: Instruction): Record<string, string> {
  const words = [...(instruction.getArgumentsContent() ?? '').matchAll(/([\w.]+)=(?:"([^"]*)"|(\S*))/g)];
  return Object.fromEntries(words.map(([, name = '', quoted, bare = '']) => [name, quoted ?? bare]));
}
