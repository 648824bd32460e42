/** vLLM through its HTTP server. */
import type { HttpClient, RequestLimits } from '@gapo/http';
import { distributionRefusal } from '../distributionRefusal.js';
import type { EngineProtocol } from '../protocol.js';
import { hasAdapter, lacksAdapter, load, unload } from './adapters.js';
import { complete } from './completions.js';
import { describe } from './facts.js';
import { replaceWeights } from './weights.js';

async function checkHealth(server: HttpClient, limits: RequestLimits): Promise<void> {
  await server.get('/health', limits);
}

/** vLLM. */
export const vllm: EngineProtocol = {
  name: 'vllm',
  refusal: (options) => distributionRefusal('vllm', options),
  checkHealth,
  describe,
  load,
  unload,
  replaceWeights,
  complete,
  hasAdapter,
  lacksAdapter,
};
