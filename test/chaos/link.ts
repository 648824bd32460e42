/** A TCP link between two services that can be cut or go silent. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** Forwards connections from a port to another. */
export class Link {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #silent = false;

  private constructor(server: Server, port: number, to: number) {
    this.#server = server;
    this.port = port;
    server.on('connection', (near) => this.#join(near, connect({ host: '127.0.0.1', port: to })));
  }

  /** Opens a link on a free port. */
  static async open(to: number): Promise<Link> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
    return new Link(server, address.port, to);
  }

  /** Its address, as host:port. */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Breaks every connection; new ones can be made immediately. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** While it is silent, connections stay open and carry nothing, as if a cable were pulled. */
  silence(silent: boolean): void {
    this.#silent = silent;
    for (const socket of this.#sockets) if (silent) socket.pause(); else socket.resume(); // prettier-ignore
  }

  close(): void {
    this.#server.close();
    this.cut();
  }

  #join(near: Socket, far: Socket): void {
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(from);
      from.setNoDelay(true);
      // Not pipe(), which would resume a socket while the link is silent.
      from.on('data', (bytes) => {
        if (!to.write(bytes)) from.pause();
      });
      to.on('drain', () => {
        if (!this.#silent) from.resume();
      });
      from.on('end', () => to.end());
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      if (this.#silent) from.pause();
    }
  }
}
