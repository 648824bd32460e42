// Fault points of calls: an injected error looks like a broken connection.
import { faultPointAsync } from '@gapo/faults';
import { RpcError, type CallSite } from './error.js';

/**
 * A fault point whose detail is the service and method of a call.
 *
 * @throws RpcError UNAVAILABLE if a rule of GAPO_FAULTS makes the call fail
 */
export function connectionFault(point: 'rpc.call' | 'rpc.answer', site: CallSite): Promise<void> | undefined {
  return faultPointAsync(point, `${site.service ?? ''}/${site.method ?? ''}`)?.catch((cause: unknown) => {
    throw new RpcError('UNAVAILABLE', RpcError.from(cause).details, { ...site, cause });
  });
}
