/** For the tests of the page: a page in a real browser. */
import { existsSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { chromium, type Page } from 'playwright-core';

const browserPath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

/** A page, and the errors thrown by its scripts or shown in its console. */
export interface OpenedPage {
  readonly page: Page;
  readonly problems: readonly string[];
}

/**
 * Opens a page in Chromium. It closes with the test. Skips the test and returns undefined if Chromium is not installed.
 *
 * @param isExpected whether a console error is expected by the test
 */
export async function openPage(
  t: TestContext,
  isExpected: (error: string) => boolean = () => false,
): Promise<OpenedPage | undefined> {
  if (!existsSync(browserPath)) {
    t.skip(`no Chromium at ${browserPath}: apt-get install chromium`);
    return undefined;
  }
  const browser = await chromium.launch({
    executablePath: browserPath,
    args: ['--no-sandbox', '--disable-gpu'],
    timeout: 0,
  });
  t.after(() => browser.close());
  const page = await browser.newPage();
  page.setDefaultTimeout(0);
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && !isExpected(message.text())) problems.push(message.text());
  });
  return { page, problems };
}
