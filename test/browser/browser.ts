import { type Browser, chromium } from 'playwright-core'

export const { CHROMIUM = '/usr/bin/chromium' } = process.env

/** Chromium with a profile of its own, which goes when the browser is closed. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    // As root, Chromium refuses its own sandbox.
    chromiumSandbox: false,
    args: [
      ...['--headless', '--disable-gpu', '--disable-quic', '--no-first-run'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
    ],
  })
}
