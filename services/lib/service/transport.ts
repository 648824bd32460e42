/** Secures the connections of a process as configured in its environment. */
import { CertificateFiles, secureProcess, type CertificateObserver, type Refusal } from '@gapo/rpc';
import { count } from '@gapo/tracing';
import type { Logger } from './logger.js';
import { readSettings } from './settings/environment.js';
import { transportSchema } from './settings/transport.js';
import { UserError } from './userError.js';

/** Log lines about refused connections per minute; further ones are only counted. */
const linesPerMinute = 30;

/**
 * Reads TLS_CERT_FILE, TLS_KEY_FILE, TLS_CA_FILE, TLS_TRUST_DOMAIN, ALLOWED_PEERS and INSECURE, and secures all servers and clients of
 * this process accordingly.
 *
 * @param observer observes the certificate files
 * @param onRefused observes what servers of this process refuse
 * @throws ConfigError, UserError or TlsError naming the invalid variable
 */
export async function secureFromEnvironment(
  observer: CertificateObserver,
  env: NodeJS.ProcessEnv,
  onRefused?: (refusal: Refusal) => void,
): Promise<void> {
  const settings = readSettings(transportSchema, env);
  const { TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile, TLS_CA_FILE: caFile, INSECURE: insecure } = settings;
  const withTls = certFile !== undefined || keyFile !== undefined || caFile !== undefined;
  if (withTls && insecure) {
    throw new UserError('INSECURE and TLS_CERT_FILE contradict each other: unset INSECURE, or the TLS_* variables');
  }
  const files = withTls ? await CertificateFiles.open({ certFile, keyFile, caFile }, observer) : undefined;
  secureProcess({
    files,
    insecure,
    trustDomain: settings.TLS_TRUST_DOMAIN,
    allowedPeers: settings.ALLOWED_PEERS,
    onRefused,
  });
}

/**
 * Counts refusals in the metric gapo.refused and logs them. Beyond the limit per minute they are only summed up in one line at the end of
 * the minute, so that nobody can fill a disk with them.
 */
export function refusalLog(log: Pick<Logger, 'warn'>): (refusal: Refusal) => void {
  let total = 0;
  /** Counters of the current minute. */
  let [lines, unlogged] = [0, 0];
  const endMinute = (): void => {
    if (unlogged > 0)
      log.warn({ refused: total, unlogged }, `refused ${unlogged} more in the last minute, not logged one by one`);
    [lines, unlogged] = [0, 0];
  };
  return ({ reason, peer, name, path, why }) => {
    total += 1;
    count('refused', 1, { reason });
    if (lines === 0) setTimeout(endMinute, 60_000).unref();
    lines += 1;
    if (lines > linesPerMinute) {
      unlogged += 1;
      return;
    }
    const what = path === undefined ? 'a connection' : path.slice(0, 200);
    log.warn(
      { reason, peer, ...(name !== undefined && { peerName: name }), refused: total },
      `refused ${what}: ${why}`,
    );
  };
}
