/** How this process secures its connections: set once at start-up, used by all its servers and clients. */
import type { CertificateFiles } from './certificateFiles.js';
import { defaultTrustDomain } from './roles.js';

/** A connection or call that a server refused. */
export interface Refusal {
  /**
   * `certificate`: no valid certificate; `identity`: the certificate of another peer; `handshake`: no TLS connection was established;
   * `token`: no valid bearer token; `role`: a token with an insufficient role; `path` and `address`: a request named a file or address
   * that callers may not use; `origin`: an HTTP request from another site, or for a host name that is not the gateway's.
   */
  readonly reason: 'certificate' | 'identity' | 'handshake' | 'token' | 'role' | 'path' | 'address' | 'origin';
  /** The peer's address and port. */
  readonly peer: string;
  /** The name in its certificate, verified or not; undefined if it presented none. */
  readonly name: string | undefined;
  /** The call, as `/gapo.reward.v1.RewardService/Score`; undefined if no call was made. */
  readonly path: string | undefined;
  /** The reason, as text. */
  readonly why: string;
}

/** How a process secures its connections. */
export interface Security {
  /** Its certificate and the authorities that it trusts. Undefined: connections are not encrypted and peers not identified. */
  readonly files?: CertificateFiles | undefined;
  /**
   * Whether servers may listen beyond this machine without TLS.
   * @default false
   */
  readonly insecure?: boolean;
  /**
   * The domain of the platform's identities, `spiffe://TRUST_DOMAIN/ROLE`.
   * @default 'gapo'
   */
  readonly trustDomain?: string;
  /**
   * More peers that may call the services of this process: URIs or DNS names in their certificates.
   * @default []
   */
  readonly allowedPeers?: readonly string[];
  /** Observes connections and calls that servers refuse. */
  readonly onRefused?: ((refusal: Refusal) => void) | undefined;
}

/** {@link Security} with its defaults. */
export type CompleteSecurity = Required<Omit<Security, 'files' | 'onRefused'>> & Pick<Security, 'files' | 'onRefused'>;

function complete(security: Security): CompleteSecurity {
  return { insecure: false, trustDomain: defaultTrustDomain, allowedPeers: [], ...security };
}

let current = complete({});

/** Sets how the servers and clients that this process creates from now on secure their connections. */
export function secureProcess(security: Security): void {
  current = complete(security);
}

/** Returns how this process secures its connections. */
export function processSecurity(): CompleteSecurity {
  return current;
}
