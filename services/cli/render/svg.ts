/** Builds SVG text with escaped attributes and content. */

type Attributes = Readonly<Record<string, string | number>>;

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escaped(text: string): string {
  return text.replaceAll(/[&<>"]/g, (found) => escapes[found] ?? found).replaceAll(/\p{Cc}/gu, ' ');
}

function written(value: string | number): string {
  return escaped(typeof value === 'number' ? String(Math.round(value * 100) / 100) : value);
}

/** Returns an element. Its children are SVG text, which is not escaped. */
export function element(name: string, attributes: Attributes, children: readonly string[] = []): string {
  const list = Object.entries(attributes).map(([key, value]) => ` ${key}="${written(value)}"`);
  const inside = children.filter((child) => child !== '');
  const open = `<${name}${list.join('')}`;
  return inside.length === 0 ? `${open}/>` : `${open}>\n${inside.join('\n')}\n</${name}>`;
}

/** The style of a text. */
export interface TextLook {
  size: number;
  anchor?: 'start' | 'middle' | 'end';
  weight?: 'normal' | 'bold';
  fill?: string;
}

/** Returns a text with its baseline at y. */
export function textElement(x: number, y: number, text: string, look: TextLook): string {
  const { size, anchor = 'start', weight = 'normal', fill = '#1a1a1a' } = look;
  const attributes = { x, y, 'font-size': size, 'text-anchor': anchor, 'font-weight': weight, fill };
  return element('text', attributes, [escaped(text)]).replaceAll('\n', '');
}

/** Returns a document with a white background and a common font. */
export function svgDocument(width: number, height: number, title: string, parts: readonly string[]): string {
  const attributes = {
    xmlns: 'http://www.w3.org/2000/svg',
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    'font-family': 'Helvetica, Arial, sans-serif',
    role: 'img',
  };
  const background = element('rect', { width, height, fill: '#ffffff' });
  return `${element('svg', attributes, [`<title>${escaped(title)}</title>`, background, ...parts])}\n`;
}
