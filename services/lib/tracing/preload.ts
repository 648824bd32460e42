/**
 * Loaded before a service: `node --import ./services/lib/tracing/dist/preload.js services/X/dist/main.js`.
 * Turns tracing on if the standard OTEL_* variables ask for it, and costs nothing if they do not.
 *
 * It must run before anything imports grpc-js: ES modules cannot be patched once linked, so a loader hook
 * (https://github.com/open-telemetry/opentelemetry-js/blob/main/doc/esm-support.md) wraps the ones instrumented.
 */
import { register } from 'node:module';
import { isMainThread } from 'node:worker_threads';
import { telemetryWanted } from './otlpSettings.js';
import { startSdk } from './sdk.js';

// Worker threads inherit --import; the thread that gives them work traces it.
if (isMainThread && telemetryWanted()) {
  // Only the instrumented module is wrapped: wrapping every module would slow the start and lengthen stacks.
  register('@opentelemetry/instrumentation/hook.mjs', import.meta.url, { data: { include: ['@grpc/grpc-js'] } });
  await startSdk();
}
