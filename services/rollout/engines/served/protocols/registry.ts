/** The engines that gapo speaks to. */
import type { EngineProtocol } from './protocol.js';
import { vllm } from './vllm.js';

/** By the value of ENGINE. */
export const protocols: Readonly<Record<'vllm', EngineProtocol>> = { vllm };
