import { expect, it } from 'vitest'
import { type Question, type Scripted, xml } from '../bucket-stand-in.js'
import { denied, examineBucket, missing, notThere } from './examine-bucket.js'

const UNENCRYPTED: Partial<Record<Question, Scripted>> = {
  encryption: missing('ServerSideEncryptionConfigurationNotFoundError'),
}

it.each<[string, Partial<Record<Question, Scripted>>]>([
  ['refuses to encrypt', { 'encrypted PUT': { status: 400, code: 'InvalidArgument' } }],
  ['takes the header and forgets it', { 'encrypted PUT': { status: 200, headers: { etag: '"1"' } } }],
  [
    'answers without a rule',
    { encryption: { status: 200, body: xml('ServerSideEncryptionConfiguration', '') }, 'encrypted PUT': notThere },
  ],
])(
  'runDoctor prescribes no default encryption, which would refuse every put, to a server that %s',
  async (_name, scripted) => {
    const { worse: found, exitCode, store } = await examineBucket({ ...UNENCRYPTED, ...scripted })
    expect(found).toMatchObject([
      { check: 'default encryption', severity: 'note', finding: expect.stringMatching(/no keys/) },
    ])
    expect(found[0]?.fix).not.toHaveProperty('command')
    expect(exitCode).toBe(0)
    expect(store.objects).toEqual([])
  },
)

it('runDoctor does not try to encrypt where it could not remove the object', async () => {
  const { worse: found, store } = await examineBucket({ ...UNENCRYPTED, 'DELETE object': denied })
  expect(found.find(({ check }) => check === 'default encryption')).toMatchObject({ severity: 'warning' })
  expect(store.questions).not.toContain('encrypted PUT')
  expect(store.objects).toHaveLength(1)
})
