/** The TLS end of a gRPC server: accepts connections, records their peers, and hands them to grpc-js. */
import { constants } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { createServer, type TlsOptions, type TLSSocket } from 'node:tls';
import type { CertificateFiles } from './certificateFiles.js';
import type { Peer, PeerOf } from './guard.js';
import { bareHost } from './listenRule.js';
import { describeCertificate, type Material } from './material.js';
import { namesOf, peerName } from './peerNames.js';
import type { CompleteSecurity } from './security.js';
import { TlsError } from './tlsError.js';

/** How long a client may take to complete the handshake, in milliseconds. */
const handshakeMs = 10_000;

/** Maximum open connections without a valid certificate: probes, and clients about to be refused. */
const maxUnverified = 256;

/** A listening socket. */
export interface TlsListener {
  readonly port: number;
  /** Stops accepting connections. Open ones stay. */
  close(): void;
}

/**
 * Returns the options of a server that presents a certificate.
 *
 * @throws TlsError if there is none
 */
export function contextOf({ own, ca }: Material): Pick<TlsOptions, 'cert' | 'key' | 'ca'> {
  if (own === undefined)
    throw new TlsError('TLS_CA_FILE is set without TLS_CERT_FILE and TLS_KEY_FILE, which a server needs: set them');
  return { cert: own.cert, key: own.key, ca };
}

/** Connections by the address and port of their peers. */
export class Peers {
  readonly #peers = new Map<string, Peer>();
  #unverified = 0;

  readonly of: PeerOf = (address) => this.#peers.get(address);

  /** Records a connection until it closes. Returns false if there are too many unverified ones. */
  add(socket: TLSSocket): boolean {
    const peer = peerOf(socket);
    const verified = peer.problem === undefined;
    if (!verified && this.#unverified >= maxUnverified) return false;
    if (!verified) this.#unverified += 1;
    const address = addressOf(socket);
    this.#peers.set(address, peer);
    socket.once('close', () => {
      if (!verified) this.#unverified -= 1;
      this.#peers.delete(address);
    });
    return true;
  }
}

function addressOf({ remoteAddress, remotePort }: Socket): string {
  return remoteAddress === undefined ? 'unknown' : `${remoteAddress}:${remotePort ?? 0}`;
}

/** OpenSSL's error codes, and what they mean here. */
const problems: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'has expired',
  CERT_NOT_YET_VALID: 'is not valid yet',
  INVALID_PURPOSE: 'is not one for clients (extended key usage)',
};

function peerOf(socket: TLSSocket): Peer {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined)
    return { names: undefined, problem: 'the client presented no certificate, which this service requires' };
  const names = namesOf(certificate);
  if (socket.authorized) return { names, problem: undefined };
  const { authorizationError } = socket as { authorizationError?: unknown };
  const code = authorizationError instanceof Error ? authorizationError.message : String(authorizationError);
  const why = problems[code] ?? `is not signed by an authority of TLS_CA_FILE (${code})`;
  return { names, problem: `the client's certificate, ${peerName(names) ?? describeCertificate(certificate)}, ${why}` };
}

/**
 * Listens.
 *
 * @param accept takes each connection
 * @throws the system's error if the address cannot be listened on
 */
export async function listenWithTls(
  at: { readonly host: string; readonly port: number },
  files: CertificateFiles,
  peers: Peers,
  { onRefused }: Pick<CompleteSecurity, 'onRefused'>,
  accept: (socket: TLSSocket) => void,
): Promise<TlsListener> {
  const server = createServer({
    ...contextOf(files.current),
    ALPNProtocols: ['h2'],
    handshakeTimeout: handshakeMs,
    requestCert: true,
    // The guard refuses it instead, and can say why and count it.
    rejectUnauthorized: false,
    // A resumed session would not be verified against authorities that have changed in the meantime.
    secureOptions: constants.SSL_OP_NO_TICKET,
  });
  server.on('secureConnection', (socket) => {
    socket.on('error', () => undefined); // a connection that breaks ends its calls
    if (!peers.add(socket)) {
      const why = `more than ${maxUnverified} connections without a valid certificate are open`;
      onRefused?.({ reason: 'certificate', peer: addressOf(socket), name: undefined, path: undefined, why });
      socket.destroy();
      return;
    }
    accept(socket);
  });
  server.on('tlsClientError', (error, socket) => {
    onRefused?.({ reason: 'handshake', peer: addressOf(socket), name: undefined, path: undefined, why: error.message });
  });
  const stopWatching = files.onChange((material) => server.setSecureContext(contextOf(material)));
  server.once('close', stopWatching);
  server.listen({ host: bareHost(at.host), port: at.port });
  try {
    await once(server, 'listening');
  } catch (error) {
    stopWatching();
    throw error;
  }
  return { port: (server.address() as AddressInfo).port, close: () => void server.close() };
}
