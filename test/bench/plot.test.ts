import { describe, expect, it } from 'vitest'
import { plot, ticksUpTo } from '../../bench/plot.js'
import { sampleResults } from './results-sample.js'

describe('plot', () => {
  it('draws a bar for each pipeline, as long as its value', () => {
    const svg = plot(sampleResults())
    const widths = (kind: string): number[] =>
      [...svg.matchAll(new RegExp(`<rect class="${kind}"[^>]* width="([\\d.]+)"`, 'g'))].map(([, width]) =>
        Number(width),
      )
    const [ours = 0] = widths('ours')
    const [rival = 0] = widths('bar')
    const [limit = 0] = widths('limit')
    expect(rival / ours).toBeCloseTo(4 / 1.8, 2)
    expect(limit / ours).toBeCloseTo(1 / 1.7, 2)
  })

  it('describes in text what it shows', () => {
    expect(/<desc[^>]*>(.*)<\/desc>/.exec(plot(sampleResults()))?.[1]).toBe(
      'CPU for an object of 100 KB, 8 at once: whatsapp-media-archive 1.80 ms; fetch → arrayBuffer → PutObject 4.00 ms; ' +
        'limit: raw TLS sockets that hash 1.06 ms. CPU for 1 GB in objects of 16 MB, 8 at once: whatsapp-media-archive ' +
        '2.88 s; fetch → arrayBuffer → PutObject 5.75 s; limit: raw TLS sockets that hash 2.50 s. Memory above idle, ' +
        '32 objects of 16 MB at once: whatsapp-media-archive 100 MB.',
    )
  })

  it('has colours for light and dark, and no script', () => {
    const svg = plot(sampleResults())
    expect(svg).toContain('@media (prefers-color-scheme: dark)')
    expect(svg).not.toMatch(/<script|href=|\bon\w+=/)
  })

  it('leaves out what was not measured', () => {
    expect(plot({ ...sampleResults(), transfers: [], memory: [] })).not.toContain('class="panel"')
  })

  it('keeps everything inside the picture', () => {
    const svg = plot(sampleResults())
    const height = Number(/height="(\d+)"/.exec(svg)?.[1])
    const bottoms = [...svg.matchAll(/ y="([\d.]+)"/g)].map(([, y]) => Number(y))
    expect(Math.max(...bottoms)).toBeLessThan(height)
  })
})

describe('ticksUpTo', () => {
  it('takes round steps from zero past the value', () => {
    expect(ticksUpTo(4)).toEqual([0, 1, 2, 3, 4])
    expect(ticksUpTo(1.06)).toEqual([0, 0.25, 0.5, 0.75, 1, 1.25])
    expect(ticksUpTo(929)).toEqual([0, 200, 400, 600, 800, 1000])
  })
})
