/** Requests that the coordinator's settings do not allow. */
import { UserError } from '@gapo/service';

/** A file that a run may not read, or an address that it may not call. */
export class RefusedError extends UserError {
  /** What the request named. */
  readonly reason: 'path' | 'address';

  constructor(reason: RefusedError['reason'], message: string) {
    super(message);
    this.reason = reason;
  }
}
