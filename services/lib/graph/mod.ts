/** Graphs of tensors for onnxruntime: built here, differentiated here, run here. */
export {
  Graph,
  record,
  type DataType,
  type Dim,
  type ElementArray,
  type FloatType,
  type Precision,
  type Initializer,
  type RowWeights,
  type Value,
} from './graph.js';
export * from './operators.js';
export { geluTanh, layerNorm, linearInOut, splitLast } from './decoderOperators.js';
export { clamp, emitBinary, emitMatmul, emitReduce, emitReshape, emitTranspose, emitUnary } from './nodes.js';
export { microsoftDomain, type OnnxModel } from './onnx.js';
export { gradients, type Seed } from './gradient.js';
export { gradcheck, type GradcheckOptions, type GradcheckResult } from './gradcheck.js';
export { Session, SessionError, int64, type SessionOptions, type TensorArray } from './session.js';
