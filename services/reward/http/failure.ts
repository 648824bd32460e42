/** Why a request got no answer: errors of undici, TLS and the system in words. */
import { RemoteFailure } from '../remote/remoteFailure.js';
import { BadAnswer } from './answer.js';

/** What lasts until somebody changes something, by error code, and what to do about it. */
const lasting: readonly (readonly [RegExp, string])[] = [
  [/^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_)/, 'its certificate is not trusted; name its authority with ca'],
  [/^ERR_TLS_CERT_ALTNAME_INVALID$/, 'its certificate is for another host'],
  [/^(CERT_|CRL_|ERR_TLS_|UND_ERR_PRX_TLS)/, 'its certificate is not valid'],
  [/^(EPROTO|ERR_SSL_)/, 'it does not speak TLS as expected; check http and https in url'],
  [/^(HPE_|HTTPParserError$)/, 'what listens there does not speak HTTP'],
  [/^UND_ERR_HEADERS_OVERFLOW$/, 'its headers are too long'],
  [/^Z_/, 'the answer is not compressed as its content-encoding says'],
]; // prettier-ignore

/** Returns the failure that an error of a request means. */
export function failureOf(error: unknown): RemoteFailure {
  if (error instanceof RemoteFailure) return error;
  if (error instanceof BadAnswer) return new RemoteFailure(`the answer ${error.message}`, { cause: error });
  const { code, message } = rootOf(error);
  const means = lasting.find(([pattern]) => pattern.test(code));
  if (means !== undefined) return new RemoteFailure(`${means[1]} (${message})`, { cause: error });
  return new RemoteFailure(`cannot be reached: ${message}`, { retryable: true, cause: error });
}

/** The message of fetch itself is "fetch failed" or "terminated"; the reason is its cause. */
function rootOf(error: unknown): { code: string; message: string } {
  const { message, cause, code, name } = error as NodeJS.ErrnoException;
  if (cause instanceof AggregateError) return rootOf(cause.errors[0]);
  if (cause instanceof Error && cause.message !== '') return rootOf(cause);
  return { code: typeof code === 'string' ? code : name, message };
}
