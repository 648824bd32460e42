/** For the tests of the page: a page in a real browser. */
import { existsSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { chromium, type Page } from 'playwright-core';

const browserPath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

/** A page, and what its scripts threw or its console shows as an error. */
export interface OpenedPage {
  readonly page: Page;
  readonly problems: readonly string[];
}

/**
 * Opens a page in Chromium, which closes with the test. Skips the test and returns undefined where Chromium is not installed.
 *
 * @param isExpected whether an error in the console is part of the test
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
