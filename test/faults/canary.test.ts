import { expect, it } from 'vitest'
import { createCanaryScanner, textsOf } from './canaries.js'
import { CANARIES, createAviary, echoes, hearEcho, proofOf } from './canary-scenes.js'

const token = process.env['BSP'] ? 'd360CanaryKey77Zz19' : 'EAAGcanary0Token1Of2Nobody3At4All5'
it('x', { timeout: 200000 }, async () => {
  const seen: { from: string; text: string }[] = []
  const aviary = await createAviary(token, (from, value) => { for (const text of textsOf(value)) seen.push({ from, text }) })
  for (const { name, fault } of echoes(aviary.song)) await hearEcho(aviary, name, fault)
  const scanner = createCanaryScanner({ ...CANARIES, token, proof: proofOf(token) })
  const t = Date.now()
  const leaks = new Map<string, string>()
  for (const { from, text } of seen) { const f = scanner.find(text); if (f.length) leaks.set(`${from} ${f}`, text.slice(0, 700)) }
  console.log(seen.length, Date.now() - t)
  for (const [k, v] of leaks) console.log('LEAK', k, '\n   ', v.slice(0, 500))
})
