/** The permissions that a service's login needs on the server. */
import { UserError } from '@gapo/service';
import { NatsError } from 'nats';

/** The subjects of every event. */
export const eventSubjects = 'gapo.v1.>';

/** Returns the subjects that a service publishes to and subscribes to. */
export function neededPermissions(stream: string): { publish: string[]; subscribe: string[] } {
  const api = (call: string) => `$JS.API.${call}`;
  return {
    publish: [
      eventSubjects,
      api(`STREAM.INFO.${stream}`),
      api(`STREAM.CREATE.${stream}`),
      api(`STREAM.MSG.GET.${stream}`),
      api(`CONSUMER.CREATE.${stream}`),
      api(`CONSUMER.CREATE.${stream}.>`),
      api(`CONSUMER.INFO.${stream}.>`),
      api(`CONSUMER.MSG.NEXT.${stream}.>`),
      api(`CONSUMER.DELETE.${stream}.>`),
    ],
    subscribe: ['_INBOX.>'],
  };
}

/** Returns what a server has denied, such as `publish to x`; undefined for any other error. */
export function deniedBy(error: unknown): string | undefined {
  if (!(error instanceof NatsError) || error.code !== 'PERMISSIONS_VIOLATION') return undefined;
  const { operation, subject } = error.permissionContext ?? {};
  if (operation === undefined) return error.message;
  return `${operation === 'publish' ? 'publish to' : 'subscribe to'} ${subject}`;
}

/** Returns the error of a denied request; undefined for any other error. */
export function permissionError(error: unknown, url: string, stream: string): UserError | undefined {
  const denied = deniedBy(error);
  if (denied === undefined) return undefined;
  const { publish, subscribe } = neededPermissions(stream);
  return new UserError(
    `NATS at ${url} does not allow this login to ${denied}; allow it to publish to ${publish.join(', ')}, and to subscribe to ${subscribe.join(', ')} ($JS.API.STREAM.CREATE.${stream} is not needed where the stream exists)`,
    { cause: error },
  );
}
