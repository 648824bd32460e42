/**
 * The tensors of a policy version: those trained by its specification, with the shapes of the model in this worker's directory.
 */
import { resolve } from 'node:path';
import { readDecoderConfig, trainableTensors, type TensorShape } from '@gapo/model';
import { RpcError, type TensorHeader } from '@gapo/rpc';
import type { EngineKey } from './models.js';

/** Returns the tensors of a policy's versions; undefined if its model cannot be read; the tensor thread reports why. */
export type ExpectedTensors = (engine: EngineKey) => Promise<readonly TensorShape[] | undefined>;

/** Number of specifications whose tensors are cached: one per recent run. */
const keptSpecifications = 8;

/** @param modelRoot the base of relative model directories */
export function expectedTensors(modelRoot: string): ExpectedTensors {
  const known = new Map<string, ReturnType<ExpectedTensors>>();
  return (engine) => {
    const { model, modelSha256, ignoreKeys, trainable } = engine;
    const key = JSON.stringify([model, modelSha256, ignoreKeys, trainable]);
    const found = known.get(key);
    if (found !== undefined) return found;
    const reading = readDecoderConfig(resolve(modelRoot, model), { ignoreKeys }).then(
      (config) => trainableTensors(config, trainable),
      () => {
        known.delete(key);
        return undefined;
      },
    );
    known.set(key, reading);
    const [oldest] = known.keys();
    if (known.size > keptSpecifications && oldest !== undefined) known.delete(oldest);
    return reading;
  };
}

/**
 * Checks the tensors that a version announces before memory is allocated for them.
 *
 * @param what names the version in errors
 * @throws RpcError DATA_LOSS naming the first tensor that differs from the expected one
 */
export function assertExpected(
  announced: readonly TensorHeader[],
  expected: readonly TensorShape[],
  what: string,
): void {
  for (let i = 0; i < Math.max(announced.length, expected.length); i++) {
    const [found, wanted] = [announced[i], expected[i]];
    const isSame =
      found?.name === wanted?.name && found?.dtype === 'DATA_TYPE_F32' && found.shape.join() === wanted?.shape.join();
    if (isSame) continue;
    const own =
      wanted === undefined ? 'no more tensors' : `'${wanted.name}' DATA_TYPE_F32 [${wanted.shape.join(', ')}]`;
    const other =
      found === undefined
        ? 'no more'
        : `'${found.name.slice(0, 200)}' ${found.dtype} [${found.shape.slice(0, 8).join(', ')}]`;
    throw new RpcError('DATA_LOSS', `${what} has ${other} as tensor ${i + 1}; the policy's specification has ${own}`);
  }
}
