/** Preloaded into a coordinator: its clock differs by CHAOS_CLOCK_SECONDS. */
const shift = 1000 * Number(process.env['CHAOS_CLOCK_SECONDS'] ?? '0');
const RealDate = Date;

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args: unknown[], newTarget) =>
    Reflect.construct(target, args.length === 0 ? [RealDate.now() + shift] : args, newTarget) as Date,
  get: (target, key, receiver): unknown =>
    key === 'now' ? () => RealDate.now() + shift : Reflect.get(target, key, receiver),
});

export {};
