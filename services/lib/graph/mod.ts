/** Graphs of tensors for onnxruntime: built, differentiated and run in this package. */
export { Graph, type DataType, type Dim, type Precision, type Value } from './graph.js';
export * from './operators.js';
export { gelu, geluTanh, layerNorm, linearInOut, relu, softCap, splitLast } from './decoderOperators.js';
export {
  cast,
  clamp,
  emitBinary,
  emitConcat,
  emitExtent,
  emitGatherCells,
  emitMatmul,
  emitRange,
  emitReduce,
  emitReshape,
  emitSoftmax,
  emitStack,
  emitTranspose,
  emitUnary,
  emitUnsqueeze,
} from './nodes.js';
export { gradients, type Seed } from './gradient.js';
export { Session, SessionError, int64, type SessionOptions, type TensorArray, type TensorInfo } from './session.js';
