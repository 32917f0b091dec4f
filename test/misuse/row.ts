import { WhatsAppMediaError } from '../../src/errors.js'

/** One misuse: what is wrong, the call, the option that the error names, and what its message says. */
export type Row = readonly [what: string, call: () => unknown, option: string, says: string]

/** A call as JavaScript makes it, with anything in the place of each argument. */
export function call(run: (...args: never[]) => unknown, ...args: readonly unknown[]): () => unknown {
  return () => Reflect.apply(run, undefined, args)
}

/** How a call failed. An async function must not throw before it has returned its promise, nor a factory resolve. */
export type Refusal = { how: 'thrown' | 'rejected'; error: unknown }

export async function refuse(run: () => unknown): Promise<Refusal> {
  let running: unknown
  try {
    running = run()
  } catch (error) {
    return { how: 'thrown', error }
  }
  try {
    await running
  } catch (error) {
    return { how: 'rejected', error }
  }
  throw new Error('nothing was refused')
}

/** The fields of a refusal that the tables name. */
export function readRefusal({ error }: Refusal): { code: string; option: unknown; message: string } {
  if (!WhatsAppMediaError.is(error)) throw new Error(`no error of this library: ${String(error)}`, { cause: error })
  return { code: error.code, option: Reflect.get(error, 'option'), message: error.message }
}

/** A secret in a wrong place: no message may show it. */
export const SECRET: string = `EAA${'Gm0PX4ZCpsBA'.repeat(4)}`
