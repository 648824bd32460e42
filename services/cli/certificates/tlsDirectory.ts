/** A directory of `gapo certs`, as the environment of a service or of this command. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { defaultTrustDomain, type Role } from '@gapo/rpc';
import { UserError } from '@gapo/service';

/** The variables that a certificate sets. */
export const tlsVariables = ['TLS_CERT_FILE', 'TLS_KEY_FILE', 'TLS_CA_FILE'] as const;

/**
 * Returns the variables by which a process takes a role.
 *
 * @throws UserError where a file is missing
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
