/** The supported engines. */
import type { EngineProtocol } from './protocol.js';
import { sglang } from './sglang.js';
import { vllm } from './vllm/mod.js';

/** By the value of ENGINE. */
export const protocols = { vllm, sglang } as const satisfies Readonly<Record<string, EngineProtocol>>;
