/** Times in messages. */

/** Returns a time as a google.protobuf.Timestamp, to the millisecond. */
export function timestampOf(date: Date): { readonly seconds: number; readonly nanos: number } {
  const milliseconds = date.getTime();
  return { seconds: Math.floor(milliseconds / 1000), nanos: (milliseconds % 1000) * 1e6 };
}
