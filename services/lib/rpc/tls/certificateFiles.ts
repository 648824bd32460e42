/** The certificate files of a process, reread while it runs so that a renewed certificate needs no restart. */
import type { experimental } from '@grpc/grpc-js';
import { messageOf } from '../messageOf.js';
import { describeCertificate, expiryOf, readMaterial, type Material, type TlsFiles } from './material.js';

/** Observes the files. */
export interface CertificateObserver {
  info(text: string): void;
  warn(text: string): void;
}

/** Milliseconds between two reads of the files: the projected files of a Kubernetes Secret change within a minute or two. */
const refreshMs = 10_000;

const dayMs = 86_400_000;

/** A warning is due when a tenth of the lifetime is left, and at most two weeks. */
const [warnFraction, longestWarnMs] = [0.1, 14 * dayMs];

type Listener = (material: Material) => void;
type Identity = Parameters<experimental.CertificateProvider['addIdentityCertificateListener']>[0];
type Authorities = Parameters<experimental.CertificateProvider['addCaCertificateListener']>[0];

/**
 * The latest valid content of the files. Files renewed in several writes are used once they match each other. Until then, or if a new
 * file is invalid, the previous content stays in use and a warning says why.
 */
export class CertificateFiles implements experimental.CertificateProvider {
  readonly #files: TlsFiles;
  readonly #observer: CertificateObserver;
  readonly #listeners = new Set<Listener>();
  readonly #adapters = new Map<Identity | Authorities, Listener>();
  readonly #timer: NodeJS.Timeout;
  #material: Material;
  #lastProblem: string | undefined;
  #warnedAt = -Infinity;

  /**
   * Reads the files.
   *
   * @throws TlsError if they cannot be used
   */
  static async open(files: TlsFiles, observer: CertificateObserver): Promise<CertificateFiles> {
    return new CertificateFiles(files, observer, await readMaterial(files, Date.now()));
  }

  private constructor(files: TlsFiles, observer: CertificateObserver, material: Material) {
    this.#files = files;
    this.#observer = observer;
    this.#material = material;
    this.#warnOfExpiry();
    this.#timer = setInterval(() => void this.refresh(), refreshMs);
    this.#timer.unref();
  }

  /** The latest valid content. */
  get current(): Material {
    return this.#material;
  }

  /** Calls a function whenever the content changes, until the returned function is called. */
  onChange(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Reads the files now. They are also read every ten seconds. */
  async refresh(): Promise<void> {
    let material: Material;
    try {
      material = await readMaterial(this.#files, Date.now());
      this.#lastProblem = undefined;
    } catch (error) {
      const problem = messageOf(error);
      if (problem !== this.#lastProblem) this.#observer.warn(`the certificate in use stays: ${problem}`);
      this.#lastProblem = problem;
      return;
    }
    const { own, ca } = this.#material;
    const same =
      ca.equals(material.ca) &&
      (own === undefined
        ? material.own === undefined
        : material.own !== undefined && own.cert.equals(material.own.cert) && own.key.equals(material.own.key));
    if (!same) {
      this.#material = material;
      this.#warnedAt = -Infinity;
      const until = material.own === undefined ? '' : `, valid until ${material.own.parsed.validTo}`;
      this.#observer.info(`the certificates were read again${until}: new connections use them`);
      for (const listener of this.#listeners) listener(material);
    }
    this.#warnOfExpiry();
  }

  /** Stops reading. */
  close(): void {
    clearInterval(this.#timer);
  }

  #warnOfExpiry(): void {
    const { own } = this.#material;
    if (own === undefined) return;
    const now = Date.now();
    const [from, to] = [Date.parse(own.parsed.validFrom), expiryOf(own.parsed)];
    if (to - now > Math.min((to - from) * warnFraction, longestWarnMs) || now - this.#warnedAt < dayMs) return;
    this.#warnedAt = now;
    this.#observer.warn(
      `the certificate of ${describeCertificate(own.parsed)} expires at ${new Date(to).toISOString()}: renew ${this.#files.certFile ?? ''}`,
    );
  }

  addIdentityCertificateListener(listener: Identity): void {
    this.#adapt(listener, ({ own }) =>
      listener(own === undefined ? null : { certificate: own.cert, privateKey: own.key }),
    );
  }

  addCaCertificateListener(listener: Authorities): void {
    this.#adapt(listener, ({ ca }) => listener({ caCertificate: ca }));
  }

  removeIdentityCertificateListener(listener: Identity): void {
    this.#release(listener);
  }

  removeCaCertificateListener(listener: Authorities): void {
    this.#release(listener);
  }

  /** grpc-js expects a listener to be called with the current content, but not before this call has returned. */
  #adapt(listener: Identity | Authorities, adapter: Listener): void {
    this.#adapters.set(listener, adapter);
    this.#listeners.add(adapter);
    process.nextTick(() => adapter(this.#material));
  }

  #release(listener: Identity | Authorities): void {
    const adapter = this.#adapters.get(listener);
    if (adapter !== undefined) this.#listeners.delete(adapter);
    this.#adapters.delete(listener);
  }
}
