/** Tokens of an OpenID provider: JSON Web Tokens that it signed, verified by the keys that it publishes. */
import { messageOf, RpcError } from '@gapo/rpc';
import { z } from '@gapo/service';
import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose';
import type { Verifier } from './authenticator.js';
import { isProtectedUrl } from './protectedUrl.js';
import { includesRole, type AccessRole, type Caller } from './roles.js';

/** Options of {@link OpenIdVerifier}. */
export interface OpenIdOptions {
  /** The provider, exactly as its tokens name it in `iss`. */
  readonly issuer: string;
  /** What tokens must be for: one of their `aud`. */
  readonly audience: string;
  /** The claim with the caller's name. */
  readonly nameClaim: string;
  /** The claim with the caller's roles or groups: a text or a list. `a.b` is the claim b within a. */
  readonly rolesClaim: string;
  /** Roles by the values of that claim. The highest counts. */
  readonly roles: ReadonlyMap<string, AccessRole>;
}

/** Signatures by a private key. With a shared secret, anyone who can verify tokens could make them. */
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];

/** How far apart the provider's clock and ours may be, in seconds. */
const clockToleranceSeconds = 30;

/** How long the provider may take for an answer, in milliseconds. */
const answerMs = 5000;

/** Of a name, what logs and reports can show. */
const printable = /^[\x21-\x7e](?:[\x20-\x7e]{0,198}[\x21-\x7e])?$/;

const discovery = z.object({ issuer: z.string(), jwks_uri: z.string() });

/** Verifies the tokens of one provider. */
export class OpenIdVerifier implements Verifier {
  readonly #options: OpenIdOptions;
  #keys: Promise<JWTVerifyGetKey> | undefined;

  constructor(options: OpenIdOptions) {
    this.#options = options;
  }

  /**
   * Returns who has a token; undefined for one that is no JSON Web Token.
   *
   * @throws RpcError UNAUTHENTICATED with what is wrong with it, PERMISSION_DENIED where it gives no role, UNAVAILABLE if the provider
   *   does not answer
   */
  async callerOf(token: string): Promise<Caller | undefined> {
    if (token.split('.').length !== 3) return undefined;
    const { issuer, audience, nameClaim } = this.#options;
    const keys = await this.#openKeys();
    let payload: JWTPayload;
    try {
      const options = { issuer, audience, algorithms, requiredClaims: ['exp'], clockTolerance: clockToleranceSeconds };
      ({ payload } = await jwtVerify(token, keys, options));
    } catch (error) {
      throw this.#refusal(error);
    }
    const name = claimOf(payload, nameClaim);
    if (typeof name !== 'string' || !printable.test(name)) {
      throw new RpcError('UNAUTHENTICATED', `the token has no claim ${nameClaim} with the caller's name`);
    }
    // `exp` is a required claim. It counts in seconds, and a token counts until the clock of a late provider has reached it.
    const expires = new Date(((payload.exp ?? 0) + clockToleranceSeconds) * 1000);
    return { name: `oidc:${name}`, role: this.#roleOf(payload, name), expires };
  }

  #roleOf(payload: JWTPayload, name: string): AccessRole {
    const { rolesClaim, roles } = this.#options;
    const claim = claimOf(payload, rolesClaim);
    const values: readonly unknown[] = Array.isArray(claim) ? claim : [claim];
    const granted = values.flatMap((value) => (typeof value === 'string' ? (roles.get(value) ?? []) : []));
    const [first, ...others] = granted;
    if (first === undefined) {
      throw new RpcError(
        'PERMISSION_DENIED',
        `${name} has no role: OIDC_ROLES names no value of the claim ${rolesClaim}`,
      );
    }
    return others.reduce((highest, role) => (includesRole(role, highest) ? role : highest), first);
  }

  /** Finds the provider's keys at the first token: it need not answer before. */
  async #openKeys(): Promise<JWTVerifyGetKey> {
    this.#keys ??= this.#discover();
    try {
      return await this.#keys;
    } catch (error) {
      this.#keys = undefined;
      throw error;
    }
  }

  async #discover(): Promise<JWTVerifyGetKey> {
    const { issuer } = this.#options;
    const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(answerMs), redirect: 'error' });
      if (!response.ok) throw new Error(`it answers with HTTP ${response.status}`);
      const found = discovery.parse(await response.json());
      if (found.issuer !== issuer) throw new Error('it names another issuer');
      if (!isProtectedUrl(found.jwks_uri)) throw new Error('its jwks_uri is not https');
      return createRemoteJWKSet(new URL(found.jwks_uri), { timeoutDuration: answerMs });
    } catch (error) {
      throw unavailable(url, error);
    }
  }

  /** Says what is wrong with a token, and nothing of what is in it. */
  #refusal(error: unknown): RpcError {
    const refuse = (why: string): RpcError => new RpcError('UNAUTHENTICATED', `the token ${why}`, { cause: error });
    if (error instanceof errors.JWTExpired) return refuse('has expired');
    if (error instanceof errors.JWTClaimValidationFailed) {
      const expected: Readonly<Record<string, string>> = { iss: 'OIDC_ISSUER', aud: 'OIDC_AUDIENCE' };
      const setting = expected[error.claim];
      return refuse(
        setting === undefined ? `lacks a valid claim ${error.claim}` : `has another ${error.claim} than ${setting}`,
      );
    }
    if (error instanceof errors.JOSEAlgNotAllowed) return refuse('is not signed with an algorithm that is accepted');
    if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) {
      return refuse('is signed by a key that the provider does not publish');
    }
    if (error instanceof errors.JWSSignatureVerificationFailed) return refuse('has a wrong signature');
    if (error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid) return refuse('is damaged');
    return unavailable(this.#options.issuer, error);
  }
}

function unavailable(url: string, error: unknown): RpcError {
  const why = messageOf(error);
  return new RpcError('UNAVAILABLE', `${url} does not respond as an OpenID provider: ${why}`, { cause: error });
}

/** Returns a claim by its path; undefined where there is none. */
function claimOf(payload: JWTPayload, path: string): unknown {
  if (Object.hasOwn(payload, path)) return payload[path]; // some names have dots, such as https://example.org/roles
  return path.split('.').reduce<unknown>((value, key) => {
    const isObject = typeof value === 'object' && value !== null && Object.hasOwn(value, key);
    return isObject ? (value as Readonly<Record<string, unknown>>)[key] : undefined;
  }, payload);
}
