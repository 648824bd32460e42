/** The environment variables, common to all services, that decide who may connect and how. */
import { z } from 'zod';
import { filePath, hostPort } from './schemas.js';

/** The variables' schemas. */
export const transportSettings = {
  TLS_CERT_FILE: filePath
    .optional()
    .describe(
      'A PEM file with the certificate of this process, for servers and clients; with TLS_KEY_FILE and TLS_CA_FILE it turns on mutual TLS. Renewed files are used without a restart.',
    ),
  TLS_KEY_FILE: filePath.optional().describe('A PEM file with the private key of TLS_CERT_FILE.'),
  TLS_CA_FILE: filePath.optional().describe("A PEM file of the authorities that sign the peers' certificates."),
  TLS_TRUST_DOMAIN: z
    .string()
    .regex(/^[a-z0-9._-]+$/)
    .default('gapo')
    .describe('The domain of identities in certificates: URIs as spiffe://gapo/coordinator.')
    .meta({ expected: 'a name of lower-case letters, digits, ".", "_" and "-"' }),
  ALLOWED_PEERS: z
    .array(z.string().min(1))
    .default([])
    .describe('Additional peers that may call this service under TLS: URIs or DNS names of their certificates.')
    .meta({ expected: 'names separated by commas' }),
  INSECURE: z
    .boolean()
    .default(false)
    .describe('Allows addresses beyond this machine without TLS. Everyone who reaches them controls the service.'),
  LISTEN_HEALTH: hostPort
    .optional()
    .describe('An additional address for grpc.health.v1 only, without TLS, for probes such as those of Kubernetes.'),
  LISTEN_METRICS: hostPort
    .optional()
    .describe(
      'An additional address for metrics in the Prometheus format at /metrics, over HTTP without TLS. Off by default.',
    ),
};

/** The schema of {@link transportSettings}. */
export const transportSchema = z.object(transportSettings);
