/** Fault points around the calls of a store. Their errors are the store's own. */
import { faultPointAsync } from '@gapo/faults';
import type { ObjectStore } from './objectStore.js';
import { StoreError } from './storeError.js';

/** Wraps a store with a fault point before each call, and one after an object is stored. */
export function withFaultPoints(store: ObjectStore): ObjectStore {
  const failed = (error: unknown): never => {
    throw new StoreError(`CHECKPOINT_STORE ${store.url}: ${(error as Error).message}`, { cause: error });
  };
  return {
    url: store.url,
    async list(prefix) {
      await faultPointAsync('store.list', prefix)?.catch(failed);
      return store.list(prefix);
    },
    async put(key, file) {
      await faultPointAsync('store.put', key)?.catch(failed);
      await store.put(key, file);
      await faultPointAsync('store.stored', key)?.catch(failed);
    },
    async get(key, file) {
      await faultPointAsync('store.get', key)?.catch(failed);
      await store.get(key, file);
    },
    async remove(keys) {
      await faultPointAsync('store.remove', keys.join(' '))?.catch(failed);
      await store.remove(keys);
    },
    close: () => store.close(),
  };
}
