import { open } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'

/** What a worker process says. */
export interface Note {
  pid: number
  what: 'ready' | 'start' | 'end' | 'archived' | 'given-up' | 'failed' | 'paused' | 'redis'
  mediaId?: string | undefined
  /** Of what is archived its key, otherwise a reason. */
  detail?: string | undefined
  /** For people who look for the fault. */
  more?: string | undefined
}

/** The file that all workers write to, as it grows. */
export interface WorkLog {
  path: string
  /** All notes so far. */
  read(): Promise<readonly Note[]>
  /** Resolves once there is such a note after the first `since`. @throws Error after two minutes. */
  until(what: string, options: { since: number; isIt: (note: Note) => boolean }): Promise<void>
  /** The media that this process has begun and not ended. */
  listUnderWay(pid: number | undefined): Promise<string[]>
}

const LONGEST_WAIT_MS = 120_000
const BETWEEN_LOOKS_MS = 50

export async function openWorkLog(path: string): Promise<WorkLog> {
  const file = await open(path, 'a+')
  const notes: Note[] = []
  let offset = 0
  let rest = ''
  let reading: Promise<void> = Promise.resolve()
  const readOn = async (): Promise<void> => {
    const { size } = await file.stat()
    if (size === offset) return
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - offset), 0, size - offset, offset)
    offset += bytesRead
    const lines = `${rest}${buffer.toString('latin1', 0, bytesRead)}`.split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) notes.push(JSON.parse(line) as Note)
  }
  const read: WorkLog['read'] = async () => {
    reading = reading.then(readOn)
    await reading
    return notes
  }
  return {
    ...{ path, read },
    async until(what, { since, isIt }) {
      const startedAt = performance.now()
      while (!(await read()).slice(since).some(isIt)) {
        if (performance.now() - startedAt > LONGEST_WAIT_MS) throw new Error(`for two minutes there was no ${what}`)
        await wait(BETWEEN_LOOKS_MS)
      }
    },
    async listUnderWay(pid) {
      const open = new Set<string>()
      for (const { pid: whose, what, mediaId = '' } of await read()) {
        if (whose !== pid) continue
        if (what === 'start') open.add(mediaId)
        if (what === 'end') open.delete(mediaId)
      }
      return [...open]
    },
  }
}
