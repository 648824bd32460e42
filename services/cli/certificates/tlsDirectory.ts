/** The directory of `gapo certs` as environment variables for a service or this command. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { defaultTrustDomain, type Role } from '@gapo/rpc';
import { UserError } from '@gapo/service';

/** The variables set for a certificate. */
export const tlsVariables = ['TLS_CERT_FILE', 'TLS_KEY_FILE', 'TLS_CA_FILE'] as const;

/**
 * Returns the variables that give a process a role.
 *
 * @throws UserError if a file is missing
 */
export function tlsEnvironment(directory: string, role: Role): Record<string, string> {
  const path = (name: string): string => {
    const file = join(directory, name);
    if (existsSync(file)) return file;
    throw new UserError(`--tls: ${file} does not exist; \`gapo certs ${directory}\` makes it`);
  };
  return {
    TLS_CERT_FILE: path(`${role}.crt`),
    TLS_KEY_FILE: path(`${role}.key`),
    TLS_CA_FILE: path('ca.crt'),
    TLS_TRUST_DOMAIN: defaultTrustDomain,
  };
}
