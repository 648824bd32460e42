/** The events of runs, as CloudEvents on NATS JetStream: published by the coordinator, followed and replayed by any client. */
export { connectEvents, type ConnectOptions } from './connect.js';
export type {
  BusStats,
  EventBus,
  EventFilter,
  EventHandler,
  Outbox,
  OutboxOptions,
  SubscribeOptions,
  Subscription,
} from './bus.js';
export { follows, isRunId, type CloudEvent, type EventInput, type EventKind, type EventOf } from './cloudEvent.js';
export type { LoggedEvent } from './log/logReader.js';
export { EventError } from './eventError.js';
export { streamName, type StreamLimits } from './stream.js';
export {
  connectOptionsOf,
  natsFileVariables,
  natsLoginVariables,
  natsSettings,
  type NatsSettings,
} from './settings.js';
export type { NatsLogin, NatsTls } from './login.js';
export { findNatsServer, startNatsServer, type NatsServer, type NatsServerOptions } from './natsServer.js';
