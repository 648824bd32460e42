/** Opens the archive that the settings name. */
import { UserError, type Logger } from '@gapo/service';
import { withFaultPoints } from './faultPoints.js';
import type { ObjectStore } from './objectStore.js';
import { RunArchive } from './runArchive.js';
import { parseStoreUrl } from './storeUrl.js';

/** The settings that an archive uses. */
export interface ArchiveSettings {
  readonly CHECKPOINT_STORE?: string | undefined;
  readonly CHECKPOINT_STORE_ADDRESSING: Addressing;
}

/** Whether S3 requests have the bucket in the path or in the host name. */
export type Addressing = 'path' | 'host';

/**
 * Opens the archive. Nothing is read or written yet.
 *
 * @returns undefined if CHECKPOINT_STORE is not set
 * @throws UserError if it is not the URL of a store
 */
export async function openArchive(settings: ArchiveSettings, log: Logger): Promise<RunArchive | undefined> {
  const { CHECKPOINT_STORE: url, CHECKPOINT_STORE_ADDRESSING: addressing } = settings;
  return url === undefined ? undefined : new RunArchive(withFaultPoints(await openStore(url, addressing)), log);
}

/**
 * Opens a store by its URL. The S3 client is loaded only when it is used.
 *
 * @throws UserError if it is not the URL of a store
 */
export async function openStore(url: string, addressing: Addressing): Promise<ObjectStore> {
  const place = parseStoreUrl(url);
  if (place === undefined) {
    throw new UserError(`CHECKPOINT_STORE: found "${url}", expected s3://BUCKET/PREFIX or file:///DIRECTORY`);
  }
  if ('directory' in place) {
    const { DirectoryStore } = await import('./directoryStore.js');
    return new DirectoryStore(place.directory);
  }
  const { S3Store } = await import('./s3Store.js');
  return new S3Store({ ...place, pathStyle: addressing === 'path' });
}
