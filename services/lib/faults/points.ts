/** The names of all fault points. The compiler refuses any other name; a conformance test finds names that no code has. */

/**
 * Where each point lies, and its detail, by which a rule can select hits. Points of files have the path as their detail,
 * those of calls `SERVICE/METHOD`.
 */
export const faultPoints = {
  'file.write': 'before the content of a file is written, under its temporary name',
  'file.sync': 'after the content of a file is written, before it is flushed to disk',
  'file.rename': 'before a complete file or directory gets its name',
  'file.syncFolder': 'after a name was given or removed, before the folder is flushed to disk',
  'file.append': 'before a line is appended to a file',
  'file.tear': 'between the two halves of a line that is appended',
  'file.syncAppend': 'after a line is appended, before it is flushed to disk',
  'file.remove': 'before a file or directory is removed',
  'rpc.call': 'before a client sends a request',
  'rpc.answer':
    'after a server has worked out the response of a unary call, before it sends it; before it begins a stream',
  'event.publish': 'before an event is sent to NATS; its detail is the id of the event',
  'event.published': 'after NATS has acknowledged an event, before this process notes it',
  'store.list':
    'before the keys of CHECKPOINT_STORE are listed; the detail of the points of the store is the key or prefix',
  'store.put': 'before an object is stored',
  'store.stored': 'after an object is stored, before this process notes it',
  'store.get': 'before an object is read back',
  'store.remove': 'before objects are removed',
} as const satisfies Readonly<Record<string, string>>;

/** The name of a fault point. */
export type FaultPointName = keyof typeof faultPoints;

/** Whether a text names a fault point. */
export function isFaultPoint(text: string): text is FaultPointName {
  return Object.hasOwn(faultPoints, text);
}
