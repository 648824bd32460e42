/**
 * Which host names the gateway answers to. Because it has no login, a website whose name points at the gateway's address (DNS
 * rebinding) could read every run through the browser of someone in the network. Such a request names the site in its Host header.
 */
import { isIP } from 'node:net';

/** An allowed host: a name such as `gapo.example.org`, `*.example.org` or `.example.org` for its subdomains, or `*` for any. */
const entryForm = /^(\*|(\*?\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*)$/i;

/** Whether a text is an entry of the list of allowed hosts: no scheme, port or path. */
export function isAllowedHostEntry(text: string): boolean {
  return entryForm.test(text) || isIP(text) !== 0;
}

/** A Host header or the part of an Origin after its scheme. */
interface Authority {
  /** Lower case, without brackets or a final dot. */
  readonly name: string;
  /** Empty for the scheme's default port. */
  readonly port: string;
}

/** Parses `name`, `name:port`, `1.2.3.4:port` or `[::1]:port`; undefined for anything else. */
function parseAuthority(text: string): Authority | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::(\d{1,5}))?$/i.exec(text);
  if (match === null) return undefined;
  const [, address, name = '', port = ''] = match;
  return { name: (address ?? name).toLowerCase().replace(/\.$/, ''), port };
}

/** The hosts that the gateway answers to. */
export class AllowedHosts {
  readonly #entries: readonly string[];
  readonly #any: boolean;

  /**
   * @param entries allowed in addition to localhost and IP addresses, see {@link isAllowedHostEntry}
   * @param listen the address that the gateway listens on; its name is allowed
   */
  constructor(entries: readonly string[], listen: string) {
    this.#entries = entries.map((entry) => entry.toLowerCase().replace(/^\*\./, '.'));
    this.#any = entries.includes('*');
    const own = parseAuthority(listen);
    if (own !== undefined) this.#entries = [...this.#entries, own.name];
  }

  /** Returns why a request is refused, with what to do; undefined if it is not. */
  refusal({ host, origin }: { host?: string | undefined; origin?: string | undefined }): string | undefined {
    if (this.#any) return undefined;
    const asked = host === undefined ? undefined : parseAuthority(host);
    if (asked === undefined || !(this.#isLocal(asked.name) || this.#isListed(asked.name))) {
      return `the gateway does not answer to the host ${JSON.stringify(host ?? '')}; if it is yours, add it to GATEWAY_ALLOWED_HOSTS`;
    }
    if (origin === undefined || this.#isOwn(origin, asked)) return undefined;
    return `the gateway does not answer to pages of ${JSON.stringify(origin)}; if that site is yours, add its host to GATEWAY_ALLOWED_HOSTS`;
  }

  /** Whether a name needs no entry. Names below localhost resolve to this machine, and an IP address cannot be rebound. */
  #isLocal(name: string): boolean {
    return name === 'localhost' || name.endsWith('.localhost') || isIP(name) !== 0;
  }

  #isListed(name: string): boolean {
    return this.#entries.some((entry) => (entry.startsWith('.') ? name.endsWith(entry) : name === entry));
  }

  /** Whether an Origin belongs to the gateway's own page or to a listed host, because a proxy may have changed the Host. */
  #isOwn(origin: string, asked: Authority): boolean {
    const match = /^(https?):\/\/(.*)$/i.exec(origin);
    const from = match === null ? undefined : parseAuthority(match[2] ?? '');
    if (match === null || from === undefined) return false;
    // Browsers omit the scheme's port; a proxy that terminates TLS may serve 443 from any port of the gateway.
    const standard = match[1]?.toLowerCase() === 'https' ? '443' : '80';
    const samePort = (from.port || standard) === (asked.port || standard);
    return (from.name === asked.name && samePort) || this.#isListed(from.name);
  }
}
