/** Exports score models as ONNX in the form of Hugging Face's sequence classifiers. */
import { Graph, emitReduce, emitReshape } from '@gapo/graph';
import type { TensorEntry } from '@gapo/model';
import type { ScoreModel } from './scoreModel.js';

/**
 * Builds the model from `input_ids` and `attention_mask`, int64 [B, T], padded on the right, to `logits` [B, 1]. The
 * weights stay in a safetensors file beside it.
 *
 * @param file the safetensors file's name
 * @param entries the position of each tensor in that file
 * @throws Error if the file lacks a tensor
 */
export function classifierGraph(model: ScoreModel, file: string, entries: readonly TensorEntry[]): Uint8Array {
  const graph = new Graph('classifier');
  const weights = new Map(
    entries.map(({ name, shape, offset, length }) => [
      name,
      graph.weight(name, shape, { location: file, offset, length }),
    ]),
  );
  const ids = graph.input('input_ids', 'int64', ['B', 'T']);
  const mask = graph.input('attention_mask', 'int64', ['B', 'T']);
  const lengths = emitReshape(emitReduce('ReduceSum', mask, 1), [-1], ['B']);
  const scores = model.scores(ids, lengths, (name) => {
    const weight = weights.get(name);
    if (weight === undefined) throw new Error(`${file} has no tensor '${name}'`);
    return weight;
  });
  graph.output('logits', scores);
  return graph.toModel().bytes;
}
