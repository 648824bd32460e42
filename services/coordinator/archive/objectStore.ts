/** A place outside DATA_DIR that stores files by key: a directory, such as a mounted share, or an S3 bucket. */

/** Files by key. The parts of a key are separated by `/`. An object appears complete or not at all. */
export interface ObjectStore {
  /** The store's location, for messages, such as `s3://bucket/prefix`. */
  readonly url: string;
  /**
   * Returns the keys that begin with a prefix, in any order.
   *
   * @throws StoreError if the store cannot be read
   */
  list(prefix: string): Promise<readonly string[]>;
  /**
   * Stores a file as it is when the call begins; data appended later is not included.
   *
   * @throws StoreError naming the key if it cannot be stored; the object is then unchanged
   */
  put(key: string, file: string): Promise<void>;
  /**
   * Writes an object to a file, which is on disk when this resolves.
   *
   * @throws StoreError naming the key if it cannot be read; UserError if the file cannot be written
   */
  get(key: string, file: string): Promise<void>;
  /**
   * Removes objects. Those that do not exist count as removed.
   *
   * @throws StoreError if they cannot be removed
   */
  remove(keys: readonly string[]): Promise<void>;
  /** Aborts requests in progress and closes connections. */
  close(): void;
}
