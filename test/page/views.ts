/** Checks of every view in the page's tests: it is accessible, fits a narrow screen, and matches its screenshot. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { project } from '../platform.fixture.js';

/** The folder for screenshots. */
const images = join(project, 'docs/images/page');

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** Screens on which every view is checked. */
const screens = [
  { width: 1440, colorScheme: 'light' },
  { width: 1440, colorScheme: 'dark' },
  { width: 390, colorScheme: 'light' },
  { width: 390, colorScheme: 'dark' },
] as const;

/** Starts Chromium. */
export function startBrowser(): Promise<Browser> {
  const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'], timeout: 0 });
}

/** Opens a page that records its errors. @param context options of the browser's context */
export async function openPage(browser: Browser, url: string, context: Parameters<Browser['newPage']>[0] = {}) {
  // The page's CSP does not allow the scripts of axe-core.
  const page = await browser.newPage({ bypassCSP: true, ...context });
  page.setDefaultTimeout(0);
  const problems: string[] = [];
  const requests: string[] = [];
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  page.on('request', (request) => requests.push(request.url()));
  await page.goto(url);
  return { page, problems, requests };
}

interface Violation {
  id: string;
  impact: string;
  help: string;
  nodes: { html: string; failureSummary: string }[];
}

/** Returns the serious and critical violations of WCAG 2.1 A and AA that axe-core finds, each with its elements. */
async function violationsOf(page: Page): Promise<string[]> {
  await page.addScriptTag({ path: axe });
  const run = `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] })`;
  const { violations } = await page.evaluate<{ violations: Violation[] }>(run);
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(
      ({ id, help, nodes }) =>
        `${id}: ${help}: ${nodes.map(({ html, failureSummary }) => `${html.slice(0, 200)} ${failureSummary}`).join(' | ')}`,
    );
}

/**
 * Checks a view on every screen: no errors, nothing wider than the screen, no serious accessibility violations, no requests
 * to other servers. Writes a screenshot of each.
 *
 * @param ready a selector for what the view shows once it is complete
 * @param act what the user then does
 */
export async function lookAt(
  browser: Browser,
  url: string,
  view: string,
  name: string,
  ready: string,
  act: (page: Page) => Promise<void> = async () => undefined,
): Promise<void> {
  mkdirSync(images, { recursive: true });
  for (const { width, colorScheme } of screens) {
    const where = `${name} at ${width} px, ${colorScheme}`;
    const { page, problems, requests } = await openPage(browser, url + view, {
      viewport: { width, height: 900 },
      colorScheme,
    });
    await page.waitForSelector(ready);
    await act(page);
    assert.deepEqual(await violationsOf(page), [], where);
    const wide = await page.evaluate<boolean>('document.documentElement.scrollWidth > innerWidth');
    assert.equal(wide, false, `${where}: wider than the screen`);
    await page.screenshot({ path: join(images, `${name}-${width}-${colorScheme}.png`) });
    assert.deepEqual(problems, [], where);
    assert.deepEqual(
      requests.filter((request) => !request.startsWith(url) && !request.startsWith('data:')),
      [],
      `${where}: nothing is asked of another server`,
    );
    await page.close();
  }
}
