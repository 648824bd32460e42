/**
 * Traces a reward service: `node --import @gapo/reward/tracing reward.mjs` records a span per call, in the trace of the
 * training step, if the standard OTEL_* variables name a receiver. It costs nothing if they do not.
 */
import { preloadModule } from '@gapo/tracing';

await import(preloadModule.href);
