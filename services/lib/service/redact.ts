/** Removes secrets from addresses before they are shown or logged. */

/**
 * Returns a URL, or several separated by commas, without user, password, token and query. It is safe for URLs that cannot be
 * parsed: in each, everything before the last `@` is removed, because an unencoded password may contain any character, and
 * what follows the host is shown only if it is a port.
 *
 * @example
 * ```ts
 * withoutCredentials('nats://gapo:p/ss@host:4222'); // 'nats://host:4222'
 * ```
 */
export function withoutCredentials(urls: string): string {
  return urls
    .split(/(?=\b[a-z][a-z0-9+.-]*:\/\/)/i)
    .map((part) => {
      const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(part)?.[0] ?? '';
      const rest = part.slice(scheme.length);
      return scheme + withoutPort(rest.slice(rest.lastIndexOf('@') + 1).replace(/\?[^,]*/g, '?...'));
    })
    .join('');
}

/** Hides text in the position of a port that is not one: `nats://gapo:secret` without a host. */
function withoutPort(text: string): string {
  return text.replace(/^(\[[^\]]*\]|[^/,:[]*):(?!\d{1,5}(?:[/?,]|$))[^/,]*\w[^/,]*/, '$1:...');
}
