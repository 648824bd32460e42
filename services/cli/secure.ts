/** Secures this command's connections: with the certificates of `--tls`, of the environment, or of a running `gapo up`. */
import { secureFromEnvironment } from '@gapo/service';
import { tlsEnvironment, tlsVariables } from './certificates/tlsDirectory.js';
import { note } from './output.js';
import { isAlive } from './processes/leftovers.js';
import { readUpFile } from './processes/upFile.js';
import { defaultDataDirectory, fromHere } from './project.js';

/** The options that decide which services a command talks to. */
interface TargetFlags {
  readonly tls?: string;
  readonly data?: string;
  readonly coordinator?: string;
}

/** Returns the certificate directory of a running `gapo up` that the command will talk to. */
function runningDirectory({ data, coordinator }: TargetFlags): string | undefined {
  if (coordinator !== undefined || process.env['GAPO_COORDINATOR']?.trim()) return undefined;
  const state = readUpFile(fromHere(data ?? defaultDataDirectory));
  return state !== undefined && isAlive(state) ? state.tls : undefined;
}

/**
 * Secures the connections of a command. Uses the role `client` if it finds the certificates itself.
 *
 * @throws UserError, ConfigError or TlsError if the certificates cannot be used
 */
export async function secureCommand(flags: TargetFlags): Promise<void> {
  const given = tlsVariables.some((name) => process.env[name]?.trim());
  const directory = flags.tls === undefined ? undefined : fromHere(flags.tls);
  const found = directory ?? (given ? undefined : runningDirectory(flags));
  if (found === undefined && !given) return;
  const env = found === undefined ? process.env : { ...process.env, INSECURE: '', ...tlsEnvironment(found, 'client') };
  await secureFromEnvironment({ info: () => undefined, warn: note }, env);
}
