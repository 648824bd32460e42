/**
 * A decoder with a linear head on the hidden state of each sequence's last token: Hugging Face's
 * LlamaForSequenceClassification and similar, with one label.
 */
import { type Value, emitBinary, emitExtent, emitRange, gatherRows, linear } from '@gapo/graph';
import {
  type DecoderConfig,
  type LoraSpec,
  type TensorShape,
  type Weight,
  decoderLayout,
  decoderTensors,
  trainableTensors,
} from '@gapo/model';
import { decodeSequences, decoderOf } from '@gapo/policy';
import { type ScoreModel, scoreHead } from './scoreModel.js';

/** Lists the tensors of such a classifier, in order: the decoder's without its output projection, then the head. */
export function classifierTensors(config: DecoderConfig): readonly TensorShape[] {
  const { embedding, head } = decoderLayout(config);
  return [...decoderTensors(config), scoreHead(config.width)].filter(({ name }) => name !== head || head === embedding);
}

/** Trains all of the decoder and the head, or with `adapted` the head and adapters on frozen weights. */
export function decoderScores(
  config: DecoderConfig,
  adapted?: { readonly lora: LoraSpec; readonly frozen: ReadonlyMap<string, Weight> },
): ScoreModel {
  const head = scoreHead(config.width);
  const adapters = adapted && trainableTensors(config, { lora: adapted.lora, valueHeads: 0 });
  return {
    trained: adapters === undefined ? classifierTensors(config) : [...adapters, head],
    frozen: adapted?.frozen ?? new Map(),
    scores: (ids, lengths, tensors) => {
      const { hidden } = decodeSequences(decoderOf(config, tensors, adapted?.lora), ids); // [B, T, width]
      return linear(gatherRows(hidden, lastRows(ids, lengths)), tensors(head.name)); // [B, 1]
    },
  };
}

/** int64 [B]: b · T + lengths[b] − 1, the index of each sequence's last token among all positions. */
function lastRows(ids: Value, lengths: Value): Value {
  const starts = emitBinary('Mul', emitRange(emitExtent(ids, 0), 'B'), emitExtent(ids, 1)); // [B]
  return emitBinary('Sub', emitBinary('Add', starts, lengths), ids.graph.integers([1], []));
}
