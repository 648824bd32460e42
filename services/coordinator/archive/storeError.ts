import { UserError } from '@gapo/service';

/** A store that cannot be used: its message names the store, the key, the cause and what to do. */
export class StoreError extends UserError {
  override readonly name = 'StoreError';
}
