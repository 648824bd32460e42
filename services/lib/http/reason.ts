/** Why a request got no answer: errors of undici, TLS and the system in words. */
import { BadAnswer } from './body.js';

/** Why there is no answer. */
export interface Reason {
  readonly message: string;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
}

/** What messages call the settings of a server. */
export interface SettingNames {
  /** The setting with its URL. */
  readonly url: string;
  /** The setting with the authority to trust. */
  readonly ca: string;
}

/** What lasts until somebody changes something, by error code, and what to do about it. */
const lasting: readonly (readonly [RegExp, (names: SettingNames) => string])[] = [
  [/^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_)/, ({ ca }) => `its certificate is not trusted; name its authority with ${ca}`],
  [/^ERR_TLS_CERT_ALTNAME_INVALID$/, () => 'its certificate is for another host'],
  [/^(CERT_|CRL_|ERR_TLS_|UND_ERR_PRX_TLS)/, () => 'its certificate is not valid'],
  [/^(EPROTO|ERR_SSL_)/, ({ url }) => `it does not speak TLS as expected; check http and https in ${url}`],
  [/^(HPE_|HTTPParserError$)/, () => 'the server there does not speak HTTP'],
  [/^UND_ERR_HEADERS_OVERFLOW$/, () => 'its headers are too long'],
  [/^Z_/, () => 'the answer is not compressed as its content-encoding says'],
]; // prettier-ignore

/** Returns what an error of fetch means. */
export function reasonOf(error: unknown, names: SettingNames): Reason {
  if (error instanceof BadAnswer) return { message: `the answer ${error.message}`, retryable: false };
  const { code, message } = rootOf(error);
  const means = lasting.find(([pattern]) => pattern.test(code));
  if (means !== undefined) return { message: `${means[1](names)} (${message})`, retryable: false };
  return { message: `cannot be reached: ${message}`, retryable: true };
}

/** The message of fetch itself is "fetch failed" or "terminated"; the reason is its cause. */
function rootOf(error: unknown): { code: string; message: string } {
  const { message, cause, code, name } = error as NodeJS.ErrnoException;
  if (cause instanceof AggregateError) return rootOf(cause.errors[0]);
  if (cause instanceof Error && cause.message !== '') return rootOf(cause);
  return { code: typeof code === 'string' ? code : name, message };
}
