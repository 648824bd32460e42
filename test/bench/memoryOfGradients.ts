/** A process that computes the gradients of K adapters' objectives a few times and tells its peak memory, in KiB. */
import { GradientEngine } from '@gapo/policy';
import { benchDecoder, benchTrainable, benchVersion } from './decoder.js';
import { shard } from './engine.js';

const model = benchDecoder();
const engine = new GradientEngine(model, benchTrainable, { threads: 2 });
const version = benchVersion(model);
for (let round = 0; round < 3; round++) await engine.compute(version, shard(Number(process.argv[2]), 'sequence'));
await engine.close();
process.send?.(process.resourceUsage().maxRSS);
