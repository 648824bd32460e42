// The gRPC layer of every service: typed servers and clients of the protos, one error type, health, retries, tensors.
export * from './gen/messages.js';
export type * from './gen/json.js';
export { fieldNames, toJson, type MessageInput, type MessageJson, type MessageName } from './json.js';
export { ownProtocol, type Protocol } from './protocol.js';
export { messageBytes } from './messageBytes.js';
export { failurePolicies, objectiveInput, textForms, type ObjectiveWords } from './objectives.js';
export { describeWait, isActive, stateWord, type RunWait } from './runState.js';
export type {
  Client,
  Handlers,
  MethodName,
  Request,
  RequestInput,
  Response,
  ResponseInput,
  ServiceName,
} from './services.js';
export { RpcError, retryableCodes, type CallSite, type RpcCode } from './error.js';
export { messageOf } from './messageOf.js';
export { retry, retryDelayMs, type RetryPolicy } from './retry.js';
export { implement, type Implementation, type ImplementOptions } from './handler.js';
export type { CallContext, ParentCall } from './context.js';
export type { AdmittedCaller, Admission, ArrivingCall } from './authorize.js';
export { settlesWithin, underSignals, untilAborted } from './abort.js';
export { plainText, quotedText } from './plainText.js';
export { serve, serveHealth, type RunningServer, type ServeOptions } from './server.js';
export { connect, type ClientCallOptions, type ConnectOptions } from './client.js';
export { watchConnection } from './connection.js';
export { maxReceiveBytes, type Tls } from './channel.js';
export { checkHealth, waitForReady, type ServingStatus, type Subject } from './health.js';
export {
  fromTensor,
  toHeader,
  toTensor,
  type ArrayOfType,
  type ElementType,
  type NamedTensor,
  type TensorData,
} from './tensor.js';
export { chunks, TensorAssembler, type AssembledTensor, type AssemblerOptions } from './chunks.js';
export { CertificateFiles, type CertificateObserver } from './tls/certificateFiles.js';
export { bareHost, isLoopback, requireSecureAddress, splitAddress } from './tls/listenRule.js';
export { contextOf } from './tls/listener.js';
export { type TlsFiles } from './tls/material.js';
export { defaultTrustDomain, identityOf, roles, type Role } from './tls/roles.js';
export { processSecurity, secureProcess, type Refusal, type Security } from './tls/security.js';
export { TlsError } from './tls/tlsError.js';
