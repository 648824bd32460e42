/** One worker of a pool: its connection, its identity, and the attempts that it holds. */
import {
  checkHealth,
  connect,
  RpcError,
  watchConnection,
  type Client,
  type IdentifyResponse,
  type ServiceName,
} from '@gapo/rpc';
import { Lease } from './lease.js';

const notContacted = 'it has not been contacted yet';

/** A worker's clients, which share a connection, and how they are closed. */
interface Connection<S extends ServiceName> {
  readonly client: Client<S>;
  readonly identify: Client<'gapo.worker.v1.WorkerService'>;
  close(): void;
}

/** Creates a connection that opens with the first call. @param ended called when it ends */
function open<S extends ServiceName>(service: S, target: string, ended: () => void): Connection<S> {
  const client = connect(service, target);
  const identify = connect('gapo.worker.v1.WorkerService', target, { beside: service });
  const unwatch = watchConnection(target, service, ended);
  return {
    client,
    identify,
    close() {
      unwatch();
      client.close();
      identify.close();
    },
  };
}

/** A connected worker. Its pool decides which jobs it gets. */
export class Member<S extends ServiceName> {
  readonly target: string;
  readonly number: number;
  /** The attempts assigned to it: it runs the first and prefetches the next. */
  readonly attempts = new Set<AbortController>();
  /** When its last attempt ended, by performance.now(). */
  endedAt = 0;
  /** Why it gets no jobs; undefined while it serves. */
  down: string | undefined = notContacted;
  /** Whether its identity is being requested until it may serve. */
  joining = false;
  /** Its name no longer resolves to it: it gets no more jobs. */
  retired = false;
  /** Its identity, once it has been admitted. */
  identity: IdentifyResponse | undefined;
  readonly #service: S;
  readonly #disconnected: () => void;
  #connection: Connection<S>;
  #lease: Lease | undefined;

  /** @param disconnected called when its connection ends */
  constructor(service: S, target: string, number: number, disconnected: () => void) {
    this.target = target;
    this.number = number;
    this.#service = service;
    this.#disconnected = disconnected;
    this.#connection = open(service, target, disconnected);
  }

  /** Whether it has answered or failed to answer. */
  get contacted(): boolean {
    return this.down !== notContacted;
  }

  /** Its service. */
  get client(): Client<S> {
    return this.#connection.client;
  }

  /**
   * Asks the worker for its identity.
   *
   * @param deadlineMs milliseconds to connect and get a response
   * @throws RpcError
   */
  async identify(deadlineMs: number, signal: AbortSignal): Promise<IdentifyResponse> {
    return this.#connection.identify.Identify({}, { deadlineMs, signal });
  }

  /** Drops the connection. The next call opens a new one, even if the old one neither answers nor breaks. */
  reconnect(): void {
    this.close();
    this.#connection = open(this.#service, this.target, this.#disconnected);
  }

  /**
   * Adds an attempt. While it has any, it has a lease, which every response of its health service renews.
   *
   * @param lapsed called if the worker gives no sign of life for `leaseMs`
   */
  hold(attempt: AbortController, leaseMs: number, lapsed: () => void): void {
    this.attempts.add(attempt);
    const ask = async (): Promise<void> => {
      try {
        await checkHealth(this.target, leaseMs, this.#service);
      } catch (reason) {
        // The worker has no health service, but it is alive.
        if (RpcError.from(reason).code !== 'UNIMPLEMENTED') throw reason;
      }
    };
    this.#lease ??= new Lease({ leaseMs, ask, lapsed });
  }

  /** Removes an attempt. */
  drop(attempt: AbortController): void {
    this.attempts.delete(attempt);
    if (this.attempts.size === 0) this.#endLease();
    this.endedAt = performance.now();
  }

  /** Records a sign of life: a message from one of its calls. */
  alive(): void {
    this.#lease?.renew();
  }

  /** Closes the connection. */
  close(): void {
    this.#connection.close();
    this.#endLease();
  }

  #endLease(): void {
    this.#lease?.end();
    this.#lease = undefined;
  }
}
