import { expect, it } from 'vitest'
import { changeInTurn } from '../../../src/storage/file-system/change-in-turn.js'

it('runs the changes of one path one after the other, those of other paths at once, and goes on after a failure', async () => {
  const steps: string[] = []
  let end = (): void => {}
  const first = changeInTurn('/a', async () => {
    steps.push('first begins')
    await new Promise<void>((resolve) => {
      end = resolve
    })
    steps.push('first ends')
    throw new Error('no space')
  })
  const second = changeInTurn('/a', async () => {
    steps.push('second')
    return 2
  })
  const other = changeInTurn('/b', async () => {
    steps.push('other')
  })
  await other
  end()
  await expect(first).rejects.toThrow('no space')
  expect(await second).toBe(2)
  expect(steps).toEqual(['first begins', 'other', 'first ends', 'second'])
  expect(await changeInTurn('/a', async () => 3)).toBe(3)
})
