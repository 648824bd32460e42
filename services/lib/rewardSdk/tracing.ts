/**
 * Traces a reward service: `node --import @gapo/reward/tracing reward.mjs` records a span for each call, in the trace of the
 * training step, where the standard OTEL_* variables say where spans go. It costs nothing where they do not.
 */
import { preloadModule } from '@gapo/tracing';

await import(preloadModule.href);
