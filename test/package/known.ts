/** What breaks a law still. It may only shrink: `node scripts/count-names.mjs` lists what is left. */
export const KNOWN: readonly string[] = ['testing/fake-cloud-api.ts has more than 50 lines in createFakeCloudApi']
