/** How log lines leave the process over OTLP. Loaded only if they are wanted. */
import { logs } from '@opentelemetry/sdk-node';
import { watched, type ExportProblems } from './exportProblems.js';
import { exportersOf, otlpProtocol } from './signals.js';

/** Returns the processors of log records, as the OTEL_* variables say. */
export async function logProcessors(
  env: NodeJS.ProcessEnv,
  problems: ExportProblems,
): Promise<logs.LogRecordProcessor[]> {
  const made = exportersOf(env, 'logs').map(async (name) => {
    if (name === 'console') return new logs.SimpleLogRecordProcessor({ exporter: new logs.ConsoleLogRecordExporter() });
    const delay = Number(env['OTEL_BLRP_SCHEDULE_DELAY']?.trim());
    return new logs.BatchLogRecordProcessor({
      exporter: watched(await otlpExporter(env), problems),
      ...(delay > 0 && { scheduledDelayMillis: delay }),
    });
  });
  return Promise.all(made);
}

async function otlpExporter(env: NodeJS.ProcessEnv): Promise<logs.LogRecordExporter> {
  switch (otlpProtocol(env, 'logs')) {
    case 'grpc':
      return new (await import('@opentelemetry/exporter-logs-otlp-grpc')).OTLPLogExporter();
    case 'http/json':
      return new (await import('@opentelemetry/exporter-logs-otlp-http')).OTLPLogExporter();
    case 'http/protobuf':
      return new (await import('@opentelemetry/exporter-logs-otlp-proto')).OTLPLogExporter();
  }
}
