/** Connections to a server: through the proxies of the environment, with the authorities to trust. */
import { UserError } from '@gapo/service';
import { EnvHttpProxyAgent, type Dispatcher } from 'undici';

/**
 * Opens connections through HTTP_PROXY, HTTPS_PROXY and NO_PROXY. Time limits are those of requests.
 *
 * @throws UserError if a proxy is not a URL
 */
export function dispatcherOf(ca: string | undefined): Dispatcher {
  const tls = ca === undefined ? {} : { connect: { ca }, requestTls: { ca }, proxyTls: { ca } };
  try {
    // Requests for http:// go to the proxy itself: many allow tunnels for TLS only.
    return new EnvHttpProxyAgent({ ...tls, headersTimeout: 0, bodyTimeout: 0, proxyTunnel: false });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new UserError(`environment HTTP_PROXY, HTTPS_PROXY: found no URL of a proxy (${code ?? 'invalid'}); expected one such as http://proxy:3128`, { cause: error }); // prettier-ignore
  }
}
