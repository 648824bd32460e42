/** A store in a bucket on S3 or an S3-compatible server. */
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { DeleteObjectsCommand, GetObjectCommand, paginateListObjectsV2, S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { underSignals } from '@gapo/rpc';
import { writeAtomically } from '@gapo/service';
import type { ObjectStore } from './objectStore.js';
import { StoreError } from './storeError.js';

/** Options of {@link S3Store}. */
export interface S3Options {
  readonly bucket: string;
  /** Prepended to every key. Empty: none. */
  readonly prefix: string;
  readonly pathStyle: boolean;
}

/** Attempts per request, with exponential backoff and jitter. */
const attempts = 5;

/** How long a connection may take, and how long a server may be silent, in milliseconds. */
const connectionTimeout = 5000;
const requestTimeout = 30_000;

/** How long one object may take, with all attempts, in milliseconds. */
const objectTimeout = 15 * 60_000;

/** Bytes per part and number of concurrent parts, which together bound the memory of an upload. */
const partBytes = 8 * 2 ** 20;
const partsAtATime = 2;

/** The protocol's limit. */
const keysPerRemoval = 1000;

/** Endpoint, region and credentials come from the usual AWS variables, such as AWS_ENDPOINT_URL_S3 and AWS_REGION. */
export class S3Store implements ObjectStore {
  readonly url: string;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #client: S3Client;
  readonly #closing = new AbortController();

  constructor({ bucket, prefix, pathStyle }: S3Options) {
    this.url = `s3://${bucket}${prefix && `/${prefix}`}`;
    this.#bucket = bucket;
    this.#prefix = prefix && `${prefix}/`;
    this.#client = new S3Client({
      forcePathStyle: pathStyle,
      maxAttempts: attempts,
      requestHandler: { connectionTimeout, requestTimeout, throwOnRequestTimeout: true },
      // Servers other than AWS may not support the newer checksums; a checkpoint's manifest has SHA-256 hashes.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    });
  }

  list(prefix: string): Promise<readonly string[]> {
    return this.#named(prefix === '' ? 'cannot be listed' : `cannot list ${prefix}`, async (abortSignal) => {
      const keys: string[] = [];
      const pages = paginateListObjectsV2(
        { client: this.#client },
        { Bucket: this.#bucket, Prefix: this.#prefix + prefix },
        { abortSignal },
      );
      for await (const { Contents = [] } of pages) {
        for (const { Key = '' } of Contents) keys.push(Key.slice(this.#prefix.length));
      }
      return keys;
    });
  }

  put(key: string, file: string): Promise<void> {
    return this.#named(`cannot store ${key}`, async (signal) => {
      const source = await open(file, 'r');
      try {
        const { size } = await source.stat();
        const Body =
          size === 0 ? new Uint8Array() : source.createReadStream({ start: 0, end: size - 1, autoClose: false });
        const upload = new Upload({
          client: this.#client,
          params: { Bucket: this.#bucket, Key: this.#prefix + key, Body },
          partSize: partBytes,
          queueSize: partsAtATime,
        });
        signal.throwIfAborted();
        signal.addEventListener('abort', () => void upload.abort(), { once: true });
        await upload.done();
      } finally {
        await source.close();
      }
    });
  }

  get(key: string, file: string): Promise<void> {
    return this.#named(`cannot read ${key}`, async (abortSignal) => {
      const command = new GetObjectCommand({ Bucket: this.#bucket, Key: this.#prefix + key });
      const { Body } = await this.#client.send(command, { abortSignal });
      if (!(Body instanceof Readable)) throw new Error('the response has no content');
      await writeAtomically(file, Body);
    });
  }

  remove(keys: readonly string[]): Promise<void> {
    return this.#named('cannot remove objects', async (abortSignal) => {
      for (let start = 0; start < keys.length; start += keysPerRemoval) {
        const Objects = keys.slice(start, start + keysPerRemoval).map((key) => ({ Key: this.#prefix + key }));
        const command = new DeleteObjectsCommand({ Bucket: this.#bucket, Delete: { Objects, Quiet: true } });
        const { Errors = [] } = await this.#client.send(command, { abortSignal });
        const [first] = Errors;
        if (first !== undefined) throw new Error(`${first.Key ?? ''}: ${first.Message ?? first.Code ?? 'refused'}`);
      }
    });
  }

  close(): void {
    this.#closing.abort();
    this.#client.destroy();
  }

  async #named<T>(what: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    try {
      return await underSignals([this.#closing.signal, AbortSignal.timeout(objectTimeout)], work);
    } catch (error) {
      const { name, message } = error as Error;
      const said = [name === 'Error' ? '' : name, message].filter((text) => text !== '').join(': ');
      const advice = adviceFor(name);
      throw new StoreError(`CHECKPOINT_STORE ${this.url}: ${what}: ${said}${advice && `; ${advice}`}`, {
        cause: error,
      });
    }
  }
}

function adviceFor(name: string): string {
  switch (name) {
    case 'NoSuchBucket':
      return 'create the bucket';
    case 'AccessDenied':
      return 'allow these credentials to list, read, write and delete there';
    case 'CredentialsProviderError':
    case 'InvalidAccessKeyId':
    case 'SignatureDoesNotMatch':
      return 'check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the role of this process';
    case 'ENOTFOUND':
    case 'ECONNREFUSED':
    case 'TimeoutError':
      return 'check AWS_ENDPOINT_URL_S3 and the network';
    default:
      return '';
  }
}
