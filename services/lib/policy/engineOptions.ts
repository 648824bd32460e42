/** The options of an engine that splits batches: its device, memory and precision. */
import type { SessionOptions } from '@gapo/graph';
import type { MemoryOptions } from './batches/microBatches.js';
import type { PrecisionOptions } from './precision.js';

export interface EngineOptions extends SessionOptions, PrecisionOptions, MemoryOptions {}
