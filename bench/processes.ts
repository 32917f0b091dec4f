import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { selfSigned } from '../test/self-signed.js'

/** A process of the bench. It ends when this one does, however that happens: its channel closes. */
export interface Process {
  /** Sends a message and resolves with the answer. Rejects when the process ends, fails or stays silent. */
  ask(message: object): Promise<unknown>
  stop(): Promise<void>
}

export interface Server extends Process {
  origin: string
}

/** No single answer takes longer on any machine that is fit to measure on. */
const SILENCE_MS = 600_000

/** One certificate a run. Clients trust it by the environment, for every rival has its own way to be told otherwise. */
const { key, cert } = selfSigned()
const certificateFile = fileURLToPath(new URL('../temp/bench-certificate.pem', import.meta.url))

/** Starts one of the bench's servers, which prints its origin. */
export async function startServer(script: string, environment: Record<string, string> = {}): Promise<Server> {
  const child = startChild(script, { TLS_CERT: cert, TLS_KEY: key, ...environment })
  const { stdout } = child
  if (stdout === null) throw new Error(`${script} has no output`)
  const [line] = await once(stdout, 'data')
  const answer: unknown = JSON.parse(String(line))
  return { origin: text(answer, 'origin'), ...talkTo(child, script) }
}

/** Starts a measured process, which says when it is ready. */
export async function startClient(script: string, environment: Record<string, string>): Promise<Process> {
  mkdirSync(fileURLToPath(new URL('../temp', import.meta.url)), { recursive: true })
  writeFileSync(certificateFile, cert)
  const child = startChild(script, { NODE_EXTRA_CA_CERTS: certificateFile, ...environment }, ['--expose-gc'])
  const client = talkTo(child, script)
  await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(() => Promise.reject(new Error(`${script} ended: ${JSON.stringify(environment)}`))),
  ])
  return client
}

function startChild(script: string, environment: Record<string, string>, execArgv: string[] = []): ChildProcess {
  const env = { ...process.env, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true', ...environment }
  // Not this process's own arguments: what is measured runs on bare Node.
  const child = fork(new URL(script, import.meta.url), { env, execArgv, stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
  child.setMaxListeners(0)
  return child
}

function talkTo(child: ChildProcess, script: string): Process {
  return {
    async ask(message) {
      const silence = new AbortController()
      const timer = setTimeout(() => silence.abort(), SILENCE_MS)
      try {
        const ended = once(child, 'exit', { signal: silence.signal }).then(() => {
          throw new Error(`${script} ended`)
        })
        const answered = once(child, 'message', { signal: silence.signal })
        child.send(message)
        const [answer] = await Promise.race([answered, ended])
        if (hasField(answer, 'error')) throw new Error(String(answer['error']))
        return answer
      } finally {
        clearTimeout(timer)
        silence.abort()
      }
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** A number that a process answered. */
export function number(answer: unknown, field: string): number {
  const value = hasField(answer, field) ? answer[field] : undefined
  if (typeof value !== 'number') throw new Error(`no number ${field} in ${JSON.stringify(answer)}`)
  return value
}

function text(answer: unknown, field: string): string {
  const value = hasField(answer, field) ? answer[field] : undefined
  if (typeof value !== 'string') throw new Error(`no text ${field} in ${JSON.stringify(answer)}`)
  return value
}

function hasField<Name extends string>(value: unknown, name: Name): value is Record<Name, unknown> {
  return typeof value === 'object' && value !== null && name in value
}
