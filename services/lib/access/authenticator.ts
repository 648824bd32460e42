/** Finds out who calls, and whether the caller's role is enough. */
import { RpcError } from '@gapo/rpc';
import { includesRole, type AccessRole, type Caller } from './roles.js';

/** Knows the tokens of one source. */
export interface Verifier {
  /**
   * Returns who has a token; undefined for a token that is not of this source.
   *
   * @throws RpcError UNAUTHENTICATED for one that is, but is not valid, with the reason
   */
  callerOf(token: string): Promise<Caller | undefined> | Caller | undefined;
}

/** The longest token, in characters: that of an OpenID provider with many groups. */
const longestToken = 16_384;

/** Knows callers by their tokens. */
export class Authenticator {
  readonly #verifiers: readonly Verifier[];

  /** @param verifiers the sources of tokens, in the order in which they are asked */
  constructor(verifiers: readonly Verifier[]) {
    this.#verifiers = verifiers;
  }

  /**
   * Returns who calls.
   *
   * @param authorization the call's metadata or header of that name, such as `Bearer gapo_...`
   * @param needed the role that the call needs
   * @param what the call, for errors
   * @throws RpcError UNAUTHENTICATED without a valid token, PERMISSION_DENIED where the role is not enough
   */
  async require(authorization: string | undefined, needed: AccessRole, what: string): Promise<Caller> {
    const caller = await this.#callerOf(authorization, needed, what);
    if (includesRole(caller.role, needed)) return caller;
    throw new RpcError(
      'PERMISSION_DENIED',
      `${what} needs the role ${needed}; the token of ${caller.name} has ${caller.role}`,
    );
  }

  async #callerOf(authorization: string | undefined, needed: AccessRole, what: string): Promise<Caller> {
    const refuse = (why: string): never => {
      throw new RpcError('UNAUTHENTICATED', `${what} needs a token with the role ${needed}: ${why}`);
    };
    if (authorization === undefined || authorization === '') return refuse('the call has none (set GAPO_TOKEN)');
    const token = /^bearer +([A-Za-z0-9._~+/=-]+)$/i.exec(authorization)?.[1];
    if (token === undefined || token.length > longestToken)
      return refuse('authorization is not of the form Bearer TOKEN');
    for (const verifier of this.#verifiers) {
      const caller = await verifier.callerOf(token);
      if (caller !== undefined) return caller;
    }
    return refuse('it is not a known token');
  }
}
