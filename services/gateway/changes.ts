/** Who may change runs through this gateway. The coordinator decides by role; without tokens, only the gateway's address can decide. */
import { isLoopback } from '@gapo/rpc';
import type { FastifyRequest } from 'fastify';
import { RequestError } from './requestGuard.js';
import type { RunsApi } from './runsApi.js';
import { credentialsOf } from './session.js';

/** What the caller may do, for the page. */
export interface CallerAnswer {
  /** Empty if calls need no token. */
  readonly name: string;
  readonly role: string;
  /** Whether the caller may change runs. */
  readonly mayChange: boolean;
  /** Why not; empty if they may. */
  readonly why: string;
}

/** The roles that may change runs. */
const changingRoles: readonly string[] = ['operator', 'admin'];

/** Decides who may change runs. */
export class Changes {
  readonly #api: Pick<RunsApi, 'caller'>;
  readonly #host: string;

  /** @param host on which the gateway listens */
  constructor(api: Pick<RunsApi, 'caller'>, host: string) {
    this.#api = api;
    this.#host = host;
  }

  /** Returns what a caller may do. @throws RpcError */
  async callerOf({ headers }: FastifyRequest): Promise<CallerAnswer> {
    const { name, role } = await this.#api.caller(credentialsOf(headers));
    const why = role === '' ? this.#whyNotOpen() : whyNotRole(name, role);
    return { name, role, mayChange: why === '', why };
  }

  /**
   * Returns the author of a change. If calls need a token, the coordinator records the token's name instead.
   *
   * @throws RequestError 403 for a caller who may not change runs
   * @throws RpcError
   */
  async authorOf(request: FastifyRequest): Promise<string> {
    const { mayChange, why } = await this.callerOf(request);
    if (!mayChange) throw new RequestError(403, why);
    return `page at ${request.socket.remoteAddress ?? 'an unknown address'}`;
  }

  /** Without tokens, anyone who can reach the gateway could change runs. */
  #whyNotOpen(): string {
    if (isLoopback(this.#host)) return '';
    return `callers present no tokens, and the gateway listens on ${this.#host}: everybody who reaches it could change runs; set TOKENS_FILE or OIDC_ISSUER of the coordinator, or use the command gapo`;
  }
}

function whyNotRole(name: string, role: string): string {
  return changingRoles.includes(role) ? '' : `this needs the role operator; the token of ${name} has ${role}`;
}
