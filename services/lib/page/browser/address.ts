/** Addresses within the page, which links and bookmarks keep: `#RUN/why?step=12`, `#/plane?x=helpful`, `#` for all runs. */

/** The view of an address, of a run or, where `run` is empty, of all runs. */
export interface Address {
  run: string;
  /** Empty for the first view. */
  view: string;
  /** Settings of the view. */
  query: Readonly<Record<string, string>>;
}

/** Reads the fragment of a location, with or without its `#`. */
export function addressOf(fragment: string): Address {
  const [, path = '', query = ''] = /^#?([^?]*)\??(.*)$/s.exec(fragment) ?? [];
  const [run = '', view = ''] = path.split('/').map(decoded);
  return { run, view, query: Object.fromEntries(new URLSearchParams(query)) };
}

/** A fragment that was typed may be no valid encoding: it then stands for itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Returns the link to a view. Settings that are empty are left out. */
export function linkTo({ run, view = '', query = {} }: Partial<Address>): string {
  const set = Object.entries(query).filter(([, value]) => value !== '');
  const search = new URLSearchParams(set).toString();
  const path = [run ?? '', ...(view === '' ? [] : [view])].map(encodeURIComponent).join('/');
  return `#${path}${search === '' ? '' : `?${search}`}`;
}

/** Changes the settings of the view that is shown, without showing it again. */
export function replaceQuery(query: Readonly<Record<string, string>>): void {
  const { run, view } = addressOf(location.hash);
  history.replaceState(null, '', linkTo({ run, view, query }));
}
