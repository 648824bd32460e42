/** The URL of a store, as given in CHECKPOINT_STORE. */
import { fileURLToPath } from 'node:url';

/** Where a store is. */
export type StorePlace = { readonly bucket: string; readonly prefix: string } | { readonly directory: string };

/** Reads `s3://BUCKET/PREFIX` or `file:///DIRECTORY`. Returns undefined for anything else. */
export function parseStoreUrl(url: string): StorePlace | undefined {
  const found = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/([^\s?#]*))?$/.exec(url);
  if (found !== null) {
    const [, bucket = '', prefix = ''] = found;
    return { bucket, prefix: prefix.replace(/\/+$/, '') };
  }
  if (!/^file:\/\/\/[^?#]/.test(url)) return undefined;
  try {
    return { directory: fileURLToPath(url) };
  } catch {
    return undefined; // such as an escaped slash
  }
}
