/**
 * `@gapo/model/testing`, for the tests of every package: shapes of small decoders, a random model as a directory, and a tiny
 * one of every architecture.
 */
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { randomDecoder } from './adapters/trainable.js';
import { type LlamaShape, llamaConfig, toHuggingFaceConfig } from './architectures/llama.js';
import { writeSafetensors } from './weights/safetensors.js';

export { exampleConfigs, writeArchitecture, writeRandomCheckpoint } from './architectures.fixture.js';
export { formulaTensor, formulaUniform, writeFormulaCheckpoint } from './formulaWeights.fixture.js';
export { toy, toyConfig } from './toyArchitecture.fixture.js';

/** The example's tokenizer, with a chat template; its ids are below 1536. */
export const tokenizerDirectory = fileURLToPath(new URL('../../../../examples/assistant/tokenizer', import.meta.url));

/** Returns the entry of a special token in tokenizer.json. */
export function specialToken(content: string, id: number): object {
  return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
}

/** Returns the shape of a minimal decoder with grouped-query attention. */
export function tinyShape(changes: Partial<LlamaShape> = {}): LlamaShape {
  return {
    vocabulary: 16,
    width: 8,
    feedForward: 12,
    layers: 1,
    heads: 4,
    keyValueHeads: 2,
    headWidth: 2,
    context: 16,
    epsilon: 1e-5,
    ropeTheta: 10000,
    tiedEmbeddings: true,
    bosId: 1,
    eosIds: [2],
    ...changes,
  };
}

const smallShape = tinyShape({
  vocabulary: 1536,
  width: 32,
  feedForward: 48,
  layers: 2,
  headWidth: 8,
  context: 64,
});

/** Creates a directory with a random model for the example's tokenizer, which trains in seconds. */
export async function writeSmallModel(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  await cp(tokenizerDirectory, directory, { recursive: true });
  await writeFile(join(directory, 'config.json'), JSON.stringify(toHuggingFaceConfig(smallShape, 'LlamaForCausalLM')));
  await writeSafetensors(join(directory, 'model.safetensors'), randomDecoder(llamaConfig(smallShape), 1));
}
