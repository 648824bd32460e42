// The size of a message on the wire.
import { messageDefinition } from './definitions.js';
import type { MessageInput, MessageName } from './json.js';

/**
 * Returns the number of bytes of a message on the wire.
 *
 * @throws TypeError if the message does not fit its descriptor
 */
export function messageBytes<M extends MessageName>(name: M, message: MessageInput<M>): number {
  return messageDefinition(name).serialize(message).length;
}
