/** A process that computes the adapter gradients of K objectives a few times and reports its peak memory in KiB. */
import { readFileSync } from 'node:fs';
import { GradientEngine } from '@gapo/policy';
import { benchDecoder, benchTrainable, benchVersion } from './decoder.js';
import { shard } from './engine.js';

const model = benchDecoder();
const engine = new GradientEngine(model, benchTrainable, { threads: 2 });
const version = benchVersion(model);
for (let round = 0; round < 3; round++) await engine.compute(version, shard(Number(process.argv[2]), 'sequence'));
await engine.close();
// Linux only: getrusage would include the memory of the process that started this one.
const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
if (peak === undefined) throw new Error('memory bench: /proc/self/status has no VmHWM; it needs Linux');
process.send?.(Number(peak));
