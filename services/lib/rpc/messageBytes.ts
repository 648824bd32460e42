// The size of a message on the wire.
import { messageDefinition } from './definitions.js';
import type { MessageInput, MessageName } from './json.js';

/**
 * Returns the bytes of a message as it is sent.
 *
 * @throws TypeError where the message does not fit its descriptor
 */
export function messageBytes<M extends MessageName>(name: M, message: MessageInput<M>): number {
  return messageDefinition(name).serialize(message).length;
}
