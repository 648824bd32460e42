// Admits calls by their metadata, such as a bearer token, before a message of them is read.
import * as grpc from '@grpc/grpc-js';
import { RpcError } from './error.js';
import type { ServiceName } from './services.js';
import type { Refusal } from './tls/security.js';

/** A call before its request is read. */
export interface ArrivingCall {
  /** The method's name. */
  readonly method: string;
  /** Its metadata of the name `authorization`. */
  readonly authorization: string | undefined;
}

/** Who makes a call, as its credentials say. */
export interface AdmittedCaller {
  readonly name: string;
  readonly role: string;
  /** When its credential ends by itself. Its streams end with it. @default never */
  readonly expires?: Date;
  /** Aborts when its credential is taken back, which ends its streams. The reason is an RpcError that says why. */
  readonly revoked?: AbortSignal;
}

/** Admits the calls of a service. */
export interface Admission {
  readonly service: ServiceName;
  /**
   * Returns who calls.
   *
   * @throws RpcError UNAUTHENTICATED, PERMISSION_DENIED
   */
  readonly admit: (call: ArrivingCall) => Promise<AdmittedCaller>;
}

/** The callers of the calls in progress, by the metadata that their handlers receive. */
const callers = new WeakMap<grpc.Metadata, AdmittedCaller>();

/** Returns who makes a call; undefined where the service admits everybody. */
export function callerOf(metadata: grpc.Metadata): AdmittedCaller | undefined {
  return callers.get(metadata);
}

/** Returns the interceptor that refuses calls which are not admitted. */
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
