/** A place outside of DATA_DIR that keeps files by key: a directory, such as a mounted share, or a bucket of S3. */

/** Files by key. A key has `/` between its parts. An object appears complete or not at all. */
export interface ObjectStore {
  /** Where it is, for messages, such as `s3://bucket/prefix`. */
  readonly url: string;
  /**
   * Returns the keys that begin with a prefix, in any order.
   *
   * @throws StoreError if the store cannot be read
   */
  list(prefix: string): Promise<readonly string[]>;
  /**
   * Stores a file as it is when the call begins; what is appended later is not part of it.
   *
   * @throws StoreError that names the key if it cannot be stored; the object is then as before
   */
  put(key: string, file: string): Promise<void>;
  /**
   * Writes an object to a file, which is on disk when this resolves.
   *
   * @throws StoreError that names the key if it cannot be read; UserError if the file cannot be written
   */
  get(key: string, file: string): Promise<void>;
  /**
   * Removes objects. Those that do not exist count as removed.
   *
   * @throws StoreError if they cannot be removed
   */
  remove(keys: readonly string[]): Promise<void>;
  /** Ends requests in progress and closes connections. */
  close(): void;
}
