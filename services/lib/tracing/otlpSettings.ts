/** The standard OTEL_* variables: whether they ask for traces, where these go, and what is wrong with them. */

const protocols = ['grpc', 'http/protobuf', 'http/json'] as const;
const exporters = ['otlp', 'console', 'zipkin', 'none', 'null'];

/**
 * Whether the environment asks for traces: an OTLP endpoint or a trace exporter is set, and neither
 * OTEL_SDK_DISABLED=true nor OTEL_TRACES_EXPORTER=none.
 */
export function telemetryWanted(env: NodeJS.ProcessEnv = process.env): boolean {
  if (env['OTEL_SDK_DISABLED']?.trim().toLowerCase() === 'true') return false;
  const exporter = env['OTEL_TRACES_EXPORTER']?.trim();
  if (exporter === 'none') return false;
  return Boolean(exporter || env['OTEL_EXPORTER_OTLP_ENDPOINT'] || env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']);
}

/** A variable of several that is set. */
function firstSet(env: NodeJS.ProcessEnv, ...names: string[]): { name: string; value: string } | undefined {
  for (const name of names) {
    const value = env[name]?.trim();
    if (value) return { name, value };
  }
  return undefined;
}

const endpointOf = (env: NodeJS.ProcessEnv) =>
  firstSet(env, 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT');

const protocolOf = (env: NodeJS.ProcessEnv) =>
  firstSet(env, 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL');

const exportersOf = (env: NodeJS.ProcessEnv): string[] =>
  (firstSet(env, 'OTEL_TRACES_EXPORTER')?.value ?? 'otlp').split(',').map((name) => name.trim());

/** Returns the OTLP endpoint, as it is set or by default. It may contain credentials. Undefined where none is used. */
export function otlpEndpoint(env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (!exportersOf(env).includes('otlp')) return undefined;
  const byDefault = protocolOf(env)?.value === 'grpc' ? 'http://localhost:4317' : 'http://localhost:4318';
  return endpointOf(env)?.value ?? byDefault;
}

/**
 * Returns what is wrong with the variables, so that no traces can be sent; undefined where nothing is. An endpoint is not quoted: it may
 * contain credentials.
 */
export function otlpProblem(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const unknown = exportersOf(env).find((name) => !exporters.includes(name));
  if (unknown !== undefined) {
    return `OTEL_TRACES_EXPORTER: found ${JSON.stringify(unknown)}, expected otlp, console, zipkin or none`;
  }
  if (!exportersOf(env).includes('otlp')) return undefined;
  const protocol = protocolOf(env);
  if (protocol !== undefined && !protocols.some((known) => known === protocol.value)) {
    return `${protocol.name}: found ${JSON.stringify(protocol.value)}, expected ${protocols.join(', ')}`;
  }
  const endpoint = endpointOf(env);
  if (endpoint === undefined) return undefined;
  // gRPC takes host:port too.
  const bare = protocol?.value === 'grpc' && /^(\[[0-9a-f:]+\]|[\w.-]+):\d{1,5}$/i.test(endpoint.value);
  const isUrl = URL.canParse(endpoint.value) && /^https?:\/\/[^/]/i.test(endpoint.value);
  if (isUrl || bare) return undefined;
  return `${endpoint.name}: expected a URL as http://host:${protocol?.value === 'grpc' ? 4317 : 4318}, found one without http:// or https://, or that cannot be parsed`;
}
