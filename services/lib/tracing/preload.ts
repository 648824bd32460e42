/**
 * Loaded before a service: `node --import ./services/lib/tracing/dist/preload.js services/X/dist/main.js`.
 * Turns traces, metrics and logs on if the standard OTEL_* variables or LISTEN_METRICS ask for them, and costs nothing if they do not.
 *
 * It must run before anything imports grpc-js: ES modules cannot be patched once linked, so a loader hook
 * (https://github.com/open-telemetry/opentelemetry-js/blob/main/doc/esm-support.md) wraps the ones instrumented.
 */
import { register } from 'node:module';
import { isMainThread } from 'node:worker_threads';
import { sdkWanted, startSdk } from './sdk.js';
import { telemetryWanted } from './signals.js';

// Worker threads inherit --import; the thread that gives them work traces it.
if (isMainThread && sdkWanted()) {
  // Only the instrumented module is wrapped: wrapping every module would slow the start and lengthen stacks.
  if (telemetryWanted()) {
    register('@opentelemetry/instrumentation/hook.mjs', import.meta.url, { data: { include: ['@grpc/grpc-js'] } });
  }
  await startSdk();
}
