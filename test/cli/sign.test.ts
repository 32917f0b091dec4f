import { expect, it } from 'vitest'
import { runSign } from '../../src/cli/sign.js'
import { createContext, temporaryFolder } from './command-context.js'

const KEY = 'whatsapp-media/pixels/2026-11-22/image/5ef5e495-9ea6-59d7-91c6-d39ba4699239.jpg'
const env = { WHATSAPP_MEDIA_URL_SECRET: 'a secret of enough characters' }
const flagsOf = (more: object = {}) => ({
  ...{ account: 'pixels', directory: temporaryFolder(), publicEndpoint: 'https://m.test/files' },
  ...more,
})

it('runSign prints the URL alone', async () => {
  const context = createContext({ env })
  const flags = flagsOf({ expires: '60', filename: 'roof.jpg', disposition: 'attachment' })
  expect(await runSign(KEY, flags, context)).toBe(0)
  expect(context.out()).toMatch(/^https:\/\/m\.test\/files\/whatsapp-media\/[^\s]+\n$/)
  const { searchParams } = new URL(context.out())
  expect(searchParams.get('disposition')).toContain('attachment; filename=')
  const left = Number(searchParams.get('expires')) - Date.now()
  expect(left).toBeGreaterThan(30_000)
  expect(left).toBeLessThanOrEqual(60_000)
  expect(context.err()).toBe('')
})

it('runSign has defaults, and uses the prefix', async () => {
  const context = createContext({ env: { ...env, WHATSAPP_MEDIA_PREFIX: 'p/' } })
  expect(await runSign(KEY.replace('whatsapp-media/', 'p/'), flagsOf(), context)).toBe(0)
  expect(new URL(context.out()).searchParams.get('disposition')).toBe('inline')
})

it.each([
  ['account', undefined, '--account is needed'],
  ['account', 'other', "The key does not belong to account 'other'"],
  ['expires', '604801', '--expires must be a whole number from 1 to 604800'],
  ['disposition', 'new-tab', '--disposition must be inline or attachment'],
  ['publicEndpoint', undefined, '--directory signs URLs only with --public-endpoint and WHATSAPP_MEDIA_URL_SECRET'],
])('runSign refuses %s %s, and prints nothing', async (name, value, problem) => {
  const context = createContext({ env })
  await expect(runSign(KEY, flagsOf({ [name]: value }), context)).rejects.toThrow(problem)
  expect(context.out()).toBe('')
})
