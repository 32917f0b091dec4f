import type { Browser, BrowserContext, Page } from 'playwright-core'

/** What came of opening a URL in a tab of its own. */
export interface Visit {
  page: Page
  /** `shown` also when it is nothing but a broken picture. */
  outcome: 'shown' | 'downloaded'
  /** Texts of `alert` and its like. */
  dialogs: string[]
}

/** Opens a URL in a new tab (of a new profile, unless one is given), waits until all in it is loaded, and lets `look` see it. */
export async function visit<T>(
  browser: Browser | BrowserContext,
  url: string,
  look: (visit: Visit) => Promise<T>,
): Promise<T> {
  const page = await browser.newPage()
  const dialogs: string[] = []
  page.on('dialog', (dialog) => {
    dialogs.push(dialog.message())
    dialog.dismiss().catch(() => {})
  })
  try {
    const outcome = await page.goto(url, { waitUntil: 'load' }).then(
      () => 'shown' as const,
      (error: unknown) => {
        if (String(error).includes('Download is starting')) return 'downloaded' as const
        throw error
      },
    )
    return await look({ page, outcome, dialogs })
  } finally {
    await page.close()
  }
}

/** In how many documents of a page a script ran: it can still leave its mark where it may not call anybody. */
export async function marksIn(page: Page): Promise<number> {
  const marks = page.frames().map((frame) =>
    // A frame may be gone: it became a download.
    frame
      .locator(':root[data-ran]')
      .count()
      .catch(() => 0),
  )
  return (await Promise.all(marks)).reduce((sum, count) => sum + count, 0)
}
