/** Decides by a peer's certificate whether it may call a service, before any of the call is read. */
import * as grpc from '@grpc/grpc-js';
import { includesName, peerName, type PeerNames } from './peerNames.js';
import { clientRoles, identityOf } from './roles.js';
import type { CompleteSecurity, Refusal } from './security.js';

/** The peer of a connection. */
export interface Peer {
  /** The names in its certificate; undefined if it presented none. */
  readonly names: PeerNames | undefined;
  /** Why it is not verified; undefined if it is. */
  readonly problem: string | undefined;
}

/** Finds the peer of a connection by its address and port; undefined once it is closed. */
export type PeerOf = (address: string) => Peer | undefined;

/** Health says nothing about runs, and probes have no certificate. */
const openService = 'grpc.health.v1.Health';

interface Denial {
  readonly code: grpc.status;
  readonly reason: Refusal['reason'];
  readonly why: string;
}

function denialOf(
  service: string,
  peer: Peer | undefined,
  security: CompleteSecurity,
  admitted: string | undefined,
): Denial | undefined {
  if (service === openService) return undefined;
  // Its callers present another credential; a certificate is checked only if there is one.
  if (service === admitted && peer !== undefined && peer.names === undefined) return undefined;
  if (peer?.names === undefined || peer.problem !== undefined) {
    const why = peer?.problem ?? 'the connection has ended';
    return { code: grpc.status.UNAUTHENTICATED, reason: 'certificate', why };
  }
  const { names } = peer;
  const allowed = clientRoles(service)?.map((role) => identityOf(role, security.trustDomain));
  if (allowed === undefined) return undefined;
  if ([...allowed, ...security.allowedPeers].some((expected) => includesName(names, expected))) return undefined;
  const why = `${peerName(names) ?? 'a certificate without a name'} may not call ${service}, only ${allowed.join(' and ')}`;
  return { code: grpc.status.PERMISSION_DENIED, reason: 'identity', why };
}

/**
 * Returns an interceptor that refuses calls from peers that are not allowed to make them.
 *
 * @param admitted the service whose callers need no certificate because they present another credential
 */
export function guard(peerOf: PeerOf, security: CompleteSecurity, admitted?: string): grpc.ServerInterceptor {
  return ({ path }, call) => {
    const [, service = ''] = path.split('/');
    const address = call.getPeer();
    const peer = peerOf(address);
    const denial = denialOf(service, peer, security, admitted);
    if (denial === undefined) return new grpc.ServerInterceptingCall(call);
    const { code, reason, why } = denial;
    const name = peer?.names === undefined ? undefined : peerName(peer.names);
    security.onRefused?.({ reason, peer: address, name, path, why });
    return new grpc.ServerInterceptingCall(call, {
      // The handler never starts: the status is the whole response.
      start: () => call.sendStatus({ code, details: why }),
    });
  };
}
