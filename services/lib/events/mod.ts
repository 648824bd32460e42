/** What happens in a run, as CloudEvents on NATS JetStream: published by the coordinator, followed and replayed by anyone. */
export { connectEvents, DEFAULT_NATS_URL, type ConnectOptions } from './connect.js';
export type { EventBus, EventFilter, EventHandler, BusStats, Subscription, SubscribeOptions } from './bus.js';
export { EVENT_KINDS, isRunId, type CloudEvent, type EventKind, type EventOf } from './cloudEvent.js';
export type {
  CheckpointEvent,
  EventData,
  ObjectiveStep,
  PhaseSeconds,
  ObjectiveEvent,
  PreferenceEvent,
  RewardEvent,
  ShardEvent,
  StateEvent,
  StepEvent,
} from './eventData.js';
export { EventError } from './eventError.js';
export { STREAM_NAME, type StreamLimits } from './stream.js';
export { findNatsServer, startNatsServer, type NatsServer, type NatsServerOptions } from './natsServer.js';
