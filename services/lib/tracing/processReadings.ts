/** Readings of the process: memory, CPU time, event loop. */
import { readdir } from 'node:fs/promises';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { ReadingSource } from './instruments.js';

/** Milliseconds between two samples of the event loop's delay. */
const resolution = 20;

/** Returns a source of readings of this process. */
export function processReadings(): ReadingSource {
  const delay = monitorEventLoopDelay({ resolution });
  delay.enable();
  return async (observe) => {
    const { heapUsed, rss } = process.memoryUsage();
    observe('processMemory', rss);
    observe('heapUsed', heapUsed);
    const { user, system } = process.cpuUsage();
    observe('processCpu', user / 1e6, { cpuMode: 'user' });
    observe('processCpu', system / 1e6, { cpuMode: 'system' });
    observe('processUptime', process.uptime());
    observe('eventLoopUtilization', performance.eventLoopUtilization().utilization);
    // A sample includes the time between two samples.
    observe('eventLoopDelay', Math.max(0, delay.percentile(99) / 1e9 - resolution / 1000));
    delay.reset();
    const files = await readdir('/proc/self/fd').catch(() => undefined);
    if (files !== undefined) observe('openFiles', files.length);
  };
}
