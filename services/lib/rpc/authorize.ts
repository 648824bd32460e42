// Admits calls by their metadata, such as a bearer token, before any of their messages is read.
import * as grpc from '@grpc/grpc-js';
import { RpcError } from './error.js';
import type { ServiceName } from './services.js';
import type { Refusal } from './tls/security.js';

/** A call before its request is read. */
export interface ArrivingCall {
  /** The method's name. */
  readonly method: string;
  /** Its `authorization` metadata. */
  readonly authorization: string | undefined;
}

/** The caller, as identified by the call's credentials. */
export interface AdmittedCaller {
  readonly name: string;
  readonly role: string;
  /** When the credential expires; the caller's streams end at that time. @default never */
  readonly expires?: Date;
  /**
   * Aborts when the credential is revoked, which ends the caller's streams. The reason is an RpcError that says
   * why.
   */
  readonly revoked?: AbortSignal;
}

/** Admits the calls of a service. */
export interface Admission {
  readonly service: ServiceName;
  /**
   * Returns the caller.
   *
   * @throws RpcError UNAUTHENTICATED, PERMISSION_DENIED
   */
  readonly admit: (call: ArrivingCall) => Promise<AdmittedCaller>;
}

/** The callers of the calls in progress, by the metadata that their handlers receive. */
const callers = new WeakMap<grpc.Metadata, AdmittedCaller>();

/** Returns who makes a call; undefined if the service admits everyone. */
export function callerOf(metadata: grpc.Metadata): AdmittedCaller | undefined {
  return callers.get(metadata);
}

/** Returns an interceptor that refuses calls that are not admitted. */
export function admissionGuard(
  { service, admit }: Admission,
  onRefused: ((refusal: Refusal) => void) | undefined,
  nameOf: (peer: string) => string | undefined,
): grpc.ServerInterceptor {
  return ({ path }, call) => {
    const [, called = '', method = ''] = path.split('/');
    if (called !== service) return new grpc.ServerInterceptingCall(call);
    const listener = new grpc.ServerListenerBuilder()
      .withOnReceiveMetadata((metadata, next) => {
        const [authorization] = metadata.get('authorization');
        const arriving = { method, authorization: authorization?.toString() };
        admit(arriving).then(
          (caller) => {
            callers.set(metadata, caller);
            next(metadata);
          },
          (error: unknown) => {
            const { code, details } = RpcError.from(error);
            const reason = code === 'PERMISSION_DENIED' ? 'role' : 'token';
            const peer = call.getPeer();
            onRefused?.({ reason, peer, name: nameOf(peer), path, why: details });
            call.sendStatus({ code: grpc.status[code], details });
          },
        );
      })
      .build();
    const responder = new grpc.ResponderBuilder().withStart((next) => next(listener)).build();
    return new grpc.ServerInterceptingCall(call, responder);
  };
}
