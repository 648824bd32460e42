/** Certificates, keys and addresses that cannot be used: a user error whose message says what to do. */
export class TlsError extends Error {
  override readonly name = 'TlsError';
  /** Marks the error as expected: a service prints only its message. */
  readonly expected = true;
}
